namespace Inference.Compiler

open Inference

/// Convolutions as contractions with windows: views of the data at affine addresses, so that nothing is copied.
[<RequireQualifiedAccess>]
module internal Contractions =
    let private window stride (kernel: int[]) (outputs: int[]) (x: Tensor) =
        Build.node (Op.Window stride) [| x |] (Array.concat [ [| x.Shape[0] |]; kernel; outputs ]) x.DType

    let private dot left right held a b = Structure.dot Semiring.SumProduct left right held a b

    let private forward stride held (outputs: int[]) (x: Tensor) (w: Tensor) =
        x |> window stride w.Shape[2..3] outputs |> dot [| 1; 2; 3 |] [| 0; 1; 2 |] held w

    let private ceiling a b = (a + b - 1) / b

    /// The transposed convolution, by phases: rows p, p + s, … of the result meet rows p, p + s, … of the kernel only, as a
    /// convolution of stride 1 with those rows in reverse order. No product is with a zero between elements.
    let private data stride held (shape: int[]) (y: Tensor) (w: Tensor) =
        let kernel = w.Shape[2..3]
        /// Rows of the kernel, and of the result, that belong to a phase of an axis.
        let taps axis phase = ceiling (max 0 (kernel[axis] - phase)) stride
        let rows axis phase = ceiling (max 0 (shape[axis + 1] - phase)) stride
        // the first phase has the most of both
        let low = [| 0; taps 0 0 - 1; taps 1 0 - 1 |]
        let high = [| 0; rows 0 0 - y.Shape[1]; rows 1 0 - y.Shape[2] |]
        let padded = Shapes.pad low high (Build.scalar y.DType 0.0) y

        let phase p q =
            let taps, rows = [| taps 0 p; taps 1 q |], [| rows 0 p; rows 1 q |]
            let whole = Array.append [| shape[0] |] rows

            if taps[0] = 0 || taps[1] = 0 then
                Build.constantOf y.DType whole [| 0.0 |]
            else
                let starts = [| 0; low[1] + 1 - taps[0]; low[2] + 1 - taps[1] |]

                let stops =
                    Array.append [| y.Shape[0] |] (Array.init 2 (fun a -> starts[a + 1] + rows[a] + taps[a] - 1))

                let part = Shapes.slice starts stops [| 1; 1; 1 |] padded

                let flipped =
                    Shapes.slice [| 0; 0; p; q |] w.Shape [| 1; 1; stride; stride |] w |> Shapes.reverse [| 2; 3 |]

                part |> window 1 taps rows |> dot [| 0; 2; 3 |] [| 0; 1; 2 |] held flipped

        if stride = 1 then
            phase 0 0
        else
            let phases =
                [|
                    for p in 0 .. stride - 1 do
                        for q in 0 .. stride - 1 -> phase p q
                |]

            Build.node (Op.Interleave stride) phases shape y.DType

    let private weights stride held (kernel: int[]) (x: Tensor) (y: Tensor) =
        x |> window stride kernel y.Shape[1..2] |> dot [| 1; 2 |] [| 3; 4 |] held y

    /// A convolution in other operations.
    let ofConvolution (x: Tensor) : Tensor =
        match x.Op with
        | Op.Convolution(ConvolutionKind.Forward, stride, held) -> forward stride held x.Shape[1..2] x.Inputs[0] x.Inputs[1]
        | Op.Convolution(ConvolutionKind.Data, stride, held) -> data stride held x.Shape x.Inputs[0] x.Inputs[1]
        | Op.Convolution(ConvolutionKind.Weights, stride, held) -> weights stride held x.Shape[2..3] x.Inputs[0] x.Inputs[1]
        | _ -> invalidOp $"{x} is no convolution."
