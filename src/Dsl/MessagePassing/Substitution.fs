namespace Inference

open System.Collections.Generic

/// A value computed again with other values in place of some that it is computed from.
[<RequireQualifiedAccess>]
module internal Substitution =
    let private without (gone: FreeIndex list) (x: FreeIndex[]) = x |> Array.filter (fun i -> not (List.contains i gone))

    /// A node on other operands, of the same shapes, which may vary over further indices. None for loops.
    let private again (x: Tensor) (operands: Tensor[]) : Tensor option =
        let node indices = Some(Tensor(x.Op, operands, x.Shape, x.DType, indices))

        match x.Op with
        | Op.Carry _
        | Op.Final _ -> None
        | Op.Check _
        | Op.Probe _ -> Some operands[0]
        | Op.Stack i -> Some(Structure.stack i operands[0])
        | Op.Unstack i -> Some(Structure.unstack i operands[0])
        // a value that no longer varies over an index is repeated over it
        | Op.Reduce(op, axes, held) -> Some(Structure.reduce op axes held operands[0])
        | Op.Dot(semiring, left, right, held) -> Some(Structure.dot semiring left right held operands[0] operands[1])
        | Op.Convolution(_, _, held) -> node (Build.union operands |> without held)
        | _ -> node (Build.union operands)

    /// `x`, with each target replaced; None where a loop computes with one.
    let replace (targets: (Tensor * Tensor) list) (x: Tensor) : Tensor option =
        let known = Dictionary<Tensor, Tensor option>(HashIdentity.Reference)

        for target, other in targets do
            known[target] <- Some other

        for y in Traverse.postOrderUntil (List.map fst targets) [ x ] do
            let operands = y.Inputs |> Array.map (fun i -> known[i])

            let isSame =
                Array.forall2 (fun (o: Tensor option) i -> o.IsSome && obj.ReferenceEquals(o.Value, i)) operands y.Inputs

            known[y] <-
                if isSame then
                    match y.Op with
                    | Op.Carry _
                    | Op.Final _ when targets |> List.exists (fun (target, _) -> Dependence.needs target y) -> None
                    | _ -> Some y
                elif Array.forall Option.isSome operands then
                    again y (Array.map Option.get operands)
                else
                    None

        known[x]
