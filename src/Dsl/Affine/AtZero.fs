namespace Inference

open System.Collections.Generic

/// Values with some of what they are computed from at zero: the constants of affine functions. Zeros are carried as such, so that what they
/// multiply goes.
[<RequireQualifiedAccess>]
module internal AtZero =
    let private zeros (like: Tensor) = Build.constantOf like.DType like.Shape [| 0.0 |]

    /// An operation on other operands, which may have fewer indices.
    let private again (x: Tensor) (inputs: Tensor[]) : Tensor =
        match x.Op with
        | Op.Stack i ->
            if Array.contains i inputs[0].Indices then
                Tensor(x.Op, inputs, x.Shape, x.DType, Array.except [ i ] inputs[0].Indices)
            else
                Build.broadcast (Array.init x.Shape.Length (fun a -> a - 1)) x.Shape inputs[0]
        | Op.Unstack i -> Structure.unstack i inputs[0]
        | Op.Reduce(op, axes, indices) -> Structure.reduce op axes indices inputs[0]
        | Op.Dot(semiring, left, right, indices) -> Structure.dot semiring left right indices inputs[0] inputs[1]
        | Op.Convolution(kind, stride, indices) -> Convolutions.apply kind stride indices x.Shape inputs[0] inputs[1]
        | _ -> Build.node x.Op inputs x.Shape x.DType

    /// A rule for each operation that affine functions have; null stands for zero, in operands and in what comes out.
    let private rule (x: Tensor) (inputs: Tensor[]) : Tensor =
        let whole () =
            again x (Array.map2 (fun a (like: Tensor) -> if isNull a then zeros like else a) inputs x.Inputs)

        match x.Op with
        | Op.Binary BinaryOp.Add when isNull inputs[0] -> inputs[1]
        | Op.Binary(BinaryOp.Add | BinaryOp.Sub) when isNull inputs[1] -> inputs[0]
        | Op.Binary BinaryOp.Sub when isNull inputs[0] -> -inputs[1]
        | Op.Binary BinaryOp.Mul
        | Op.Dot _
        | Op.Convolution _ -> if Array.exists isNull inputs then null else whole ()
        | Op.Select -> if isNull inputs[1] && isNull inputs[2] then null else whole ()
        | Op.Concat _
        | Op.ScatterAdd
        | Op.Pad _
        | Op.DynamicUpdate
        | Op.Derivative _ -> whole ()
        | _ -> if inputs.Length > 0 && isNull inputs[0] then null else whole ()

    /// A value where the given ones are zero; null if it is zero there by its form.
    let value (given: Tensor[]) (x: Tensor) : Tensor =
        let order = Traverse.postOrderUntil given [| x |]
        let changed = Dictionary<Tensor, Tensor>(HashIdentity.Reference)
        let loops = Dictionary<Scan, Scan * Tensor[]>(HashIdentity.Reference)

        for g in given do
            changed[g] <- null

        let isGiven = HashSet<Tensor>(given, HashIdentity.Reference)

        let moves = Dependence.moving given order

        let now (y: Tensor) =
            match changed.TryGetValue y with
            | true, z -> z
            | _ -> y

        let orZeros (y: Tensor) = let z = now y in if isNull z then zeros y else z

        /// A loop beside another, which carries the changed values of those that move.
        let loop (s: Scan) =
            match loops.TryGetValue s with
            | true, found -> found
            | _ ->
                let members = [| 0 .. s.Inits.Length - 1 |] |> Array.filter (fun k -> moves.Contains s.Carries[k])
                let scan = Scan(s.Index, s.Backward, members |> Array.map (fun k -> orZeros s.Inits[k]))

                let carries =
                    members
                    |> Array.mapi (fun n k ->
                        let c = s.Carries[k]
                        Tensor(Op.Carry(scan, n), [||], c.Shape, c.DType, c.Indices))

                loops[s] <- (scan, carries)
                scan, carries

        let number (s: Scan) k =
            Seq.filter (fun j -> moves.Contains s.Carries[j]) (seq { 0 .. k - 1 }) |> Seq.length

        for y in order do
            if moves.Contains y && not (isGiven.Contains y) then
                changed[y] <-
                    match y.Op with
                    | Op.Carry(s, k) -> (snd (loop s))[number s k]
                    | Op.Final(s, k) -> Tensor(Op.Final(fst (loop s), number s k), [||], y.Shape, y.DType, y.Indices)
                    | _ -> rule y (Array.map now y.Inputs)

        for KeyValue(s, (scan, carries)) in loops do
            let members = [| 0 .. s.Inits.Length - 1 |] |> Array.filter (fun k -> moves.Contains s.Carries[k])
            scan.Bind(carries, members |> Array.map (fun k -> orZeros s.Nexts[k]))

        now x
