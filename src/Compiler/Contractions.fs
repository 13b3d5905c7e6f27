namespace Inference.Compiler

open Inference

/// Convolutions as contractions with windows: views of the data at affine addresses, so that nothing is copied. A transposed one, whose
/// values overlap, stays an operation of its own.
[<RequireQualifiedAccess>]
module internal Contractions =
    let private window stride (kernel: int[]) (outputs: int[]) (x: Tensor) =
        Build.node (Op.Window stride) [| x |] (Array.concat [ [| x.Shape[0] |]; kernel; outputs ]) x.DType

    let private dot left right held a b = Structure.dot Semiring.SumProduct left right held a b

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
        | _ -> None
