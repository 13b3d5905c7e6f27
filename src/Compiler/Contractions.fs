namespace Inference.Compiler

open Inference

/// Convolutions as contractions with windows: views of the data at affine addresses, so that nothing is copied. A transposed one, whose
/// values overlap, stays an operation of its own.
[<RequireQualifiedAccess>]
module internal Contractions =
    let private window stride (kernel: int[]) (outputs: int[]) (x: Tensor) =
        Build.node (Op.Window stride) [| x |] (Array.concat [ [| x.Shape[0] |]; kernel; outputs ]) x.DType

    let private dot left right held a b = Structure.dot Semiring.SumProduct left right held a b

    /// The fewest values with which a transposed convolution meets its weights for a copy of these to pay.
    let private manyValues = 4

    let private byChannel w = Shapes.transpose [| 1; 0; 2; 3 |] w

    /// A convolution in other operations, if it is not to stay.
    let ofConvolution (x: Tensor) : Tensor option =
        match x.Op with
        | Op.Convolution(ConvolutionKind.Forward, stride, held) ->
            let w = x.Inputs[1]

            x.Inputs[0]
            |> window stride w.Shape[2..3] x.Shape[1..2]
            |> dot [| 1; 2; 3 |] [| 0; 1; 2 |] held w
            |> Some
        | Op.Convolution(ConvolutionKind.Weights, stride, held) ->
            let y = x.Inputs[1]
            x.Inputs[0] |> window stride x.Shape[2..3] y.Shape[1..2] |> dot [| 1; 2 |] [| 3; 4 |] held y |> Some
        | Op.Convolution(ConvolutionKind.Data, stride, (_ :: _ as held)) ->
            Convolutions.apply ConvolutionKind.Data stride [] x.Shape x.Inputs[0] x.Inputs[1]
            |> Structure.sum [||] held
            |> Some
        | Op.Convolution(ConvolutionKind.Data, stride, []) ->
            let y, w = x.Inputs[0], x.Inputs[1]

            match w.Op with
            // as it comes out of here
            | Op.Transpose _ -> None
            | _ when y.Count < manyValues * y.Shape[0] -> None
            | _ -> Convolutions.apply ConvolutionKind.Data stride [] x.Shape y (byChannel (byChannel w)) |> Some
        | _ -> None
