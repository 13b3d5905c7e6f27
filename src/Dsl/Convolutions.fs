namespace Inference

/// Convolution in two dimensions, without padding: y[o, a, b] = Σ_{c,i,j} w[o, c, i, j]·x[c, s·a + i, s·b + j], with x of shape
/// [c, height, width], w of [o, c, kh, kw] and y of [o, (height − kh)/s + 1, (width − kw)/s + 1], rounded down. Each of the three kinds
/// is a derivative of the trilinear form ⟨y, C(x, w)⟩ by one of its values, so that the derivatives of each are the other two.
[<RequireQualifiedAccess>]
module Convolutions =
    /// A convolution whose operands are known to fit. An index that neither operand has counts its repetitions.
    let apply kind stride (indices: FreeIndex list) (shape: int[]) (first: Tensor) (second: Tensor) : Tensor =
        let all = Build.union [ first; second ]
        let held, absent = indices |> List.distinct |> List.partition (fun i -> Array.contains i all)
        let kept = all |> Array.filter (fun i -> not (List.contains i held))

        Tensor(Op.Convolution(kind, stride, held), [| first; second |], shape, first.DType, kept)
        |> Structure.sum [||] absent

    let private outputs stride length kernel = (length - kernel) / stride + 1

    let private check what stride (x: Tensor) (rank: int) (axes: string) (w: Tensor) =
        if x.DType <> w.DType || not x.DType.IsFloat then
            Fail.model $"{what} needs two values of one floating type; {x.DType} and {w.DType} came." "Convert one of them."

        if stride < 1 then
            Fail.model $"{what} has a stride of {stride}." "Give at least 1."

        if x.Shape.Length <> 3 || w.Shape.Length <> rank then
            Fail.model
                $"{what} needs {axes}; {Fail.shape x.Shape} and {Fail.shape w.Shape} came."
                "Plates and time steps have no axis: unstack them."

    /// y from x [c, height, width] and w [o, c, kh, kw].
    let forward stride (x: Tensor) (w: Tensor) : Tensor =
        check "Convolve" stride x 4 "data [channels, height, width] and weights [outputs, channels, rows, columns]" w

        if x.Shape[0] <> w.Shape[1] then
            Fail.model
                $"Convolve of {x.Shape[0]} channels needs weights of as many; {Fail.shape w.Shape} came."
                "The second axis of the weights counts the channels of the data."

        if x.Shape[1] < w.Shape[2] || x.Shape[2] < w.Shape[3] || w.Count = 0 then
            Fail.model
                $"Convolve cannot fit a kernel of {w.Shape[2]} × {w.Shape[3]} into {x.Shape[1]} × {x.Shape[2]}."
                "Pad the data, or give a smaller kernel."

        apply
            ConvolutionKind.Forward
            stride
            []
            [| w.Shape[0]; outputs stride x.Shape[1] w.Shape[2]; outputs stride x.Shape[2] w.Shape[3] |]
            x
            w

    /// x of a height and width from y [o, h, v] and w [o, c, kh, kw].
    let transposed stride height width (y: Tensor) (w: Tensor) : Tensor =
        check "ConvolveTransposed" stride y 4 "values [outputs, height, width] and weights [outputs, channels, rows, columns]" w

        if y.Shape[0] <> w.Shape[0] then
            Fail.model
                $"ConvolveTransposed of {y.Shape[0]} channels needs weights of as many; {Fail.shape w.Shape} came."
                "The first axis of the weights counts the channels of what is transposed."

        let fits length kernel count = kernel > 0 && length >= kernel && outputs stride length kernel = count

        if not (fits height w.Shape[2] y.Shape[1] && fits width w.Shape[3] y.Shape[2]) then
            Fail.model
                $"ConvolveTransposed cannot make {height} × {width} of {y.Shape[1]} × {y.Shape[2]} by a kernel of {w.Shape[2]} × {w.Shape[3]} and a stride of {stride}."
                "Give a size that the convolution takes to that of the operand: (n − 1)·stride + kernel, or up to stride − 1 more."

        apply ConvolutionKind.Data stride [] [| w.Shape[1]; height; width |] y w

    /// w of a kernel's shape [kh, kw] from x [c, height, width] and y [o, h, v], summed over indices.
    let weights stride (kernel: int[]) (indices: FreeIndex list) (x: Tensor) (y: Tensor) : Tensor =
        check "ConvolveWeights" stride x 3 "data [channels, height, width] and values [outputs, height, width]" y

        let fits axis =
            kernel[axis] > 0
            && x.Shape[axis + 1] >= kernel[axis]
            && outputs stride x.Shape[axis + 1] kernel[axis] = y.Shape[axis + 1]

        if kernel.Length <> 2 || not (fits 0 && fits 1) then
            Fail.model
                $"ConvolveWeights cannot make a kernel of shape {Fail.shape kernel} of {Fail.shape x.Shape} and {Fail.shape y.Shape}."
                "Give the kernel whose convolution of the first has the shape of the second."

        apply ConvolutionKind.Weights stride indices (Array.append [| y.Shape[0]; x.Shape[0] |] kernel) x y

    /// What an operand of a convolution receives of the cotangent of its result: the convolution of another kind.
    let internal cotangent (result: Tensor) kind stride (indices: FreeIndex list) (ofFirst: bool) (cotangent: Tensor) : Tensor =
        let first, second = result.Inputs[0], result.Inputs[1]
        let own = if ofFirst then first else second
        let make kind a b = apply kind stride indices own.Shape a b

        match kind, ofFirst with
        | ConvolutionKind.Forward, true -> make ConvolutionKind.Data cotangent second
        | ConvolutionKind.Forward, false -> make ConvolutionKind.Weights first cotangent
        | ConvolutionKind.Data, true -> make ConvolutionKind.Forward cotangent second
        | ConvolutionKind.Data, false -> make ConvolutionKind.Weights cotangent first
        | ConvolutionKind.Weights, true -> make ConvolutionKind.Data second cotangent
        | ConvolutionKind.Weights, false -> make ConvolutionKind.Forward first cotangent
