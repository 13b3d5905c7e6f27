namespace Inference

open System
open System.Collections.Generic

/// The positions of an index at which a value is needed.
[<Flags>]
type internal Positions =
    | None = 0
    /// The position of what needs it.
    | Same = 1
    /// Earlier steps of a chain.
    | Earlier = 2
    /// Any position.
    | Any = 4

/// What values are computed from, as far as positions of an index go.
[<RequireQualifiedAccess>]
module internal Dependence =
    let private crosses (index: FreeIndex) (y: Tensor) =
        match y.Op with
        | Op.Reduce(_, _, held)
        | Op.Dot(_, _, _, held)
        | Op.Convolution(_, _, held) -> List.contains index held
        | Op.Stack i -> obj.ReferenceEquals(i, index)
        | Op.Final(scan, _) -> obj.ReferenceEquals(scan.Index, index)
        | _ -> false

    /// The operands of a value that is needed at some positions, each with the positions at which it is.
    let private operands (index: FreeIndex) (y: Tensor) (at: Positions) : (Tensor * Positions) seq =
        match y.Op with
        | Op.Carry(scan, _) ->
            let before =
                match obj.ReferenceEquals(scan.Index, index), scan.Backward with
                | true, true -> Positions.Any
                | true, false when at <> Positions.Any -> Positions.Earlier
                | _ -> at

            // a loop that is being traced has no next values yet, and none that this position needs
            let nexts = if isNull scan.Nexts then [||] else scan.Nexts
            Seq.append [ for x in scan.Inits -> x, at ] [ for x in nexts -> x, before ]
        | _ ->
            let at = if crosses index y then Positions.Any else at
            seq { for x in Traverse.edges y -> x, at }

    /// At which positions of an index the target is needed for a value at one position. Without an index (null): whether it is.
    let over (index: FreeIndex) (target: Tensor) (x: Tensor) : Positions =
        let seen = HashSet<struct (Tensor * Positions)>()
        let pending = Stack<struct (Tensor * Positions)>([ struct (x, Positions.Same) ])
        let mutable found = Positions.None

        while pending.Count > 0 do
            let struct (y, at) = pending.Pop()

            if seen.Add(struct (y, at)) then
                if obj.ReferenceEquals(y, target) then
                    found <- found ||| at
                else
                    for operand, position in operands index y at do
                        pending.Push(struct (operand, position))

        found

    /// Whether a value needs another.
    let needs (target: Tensor) (x: Tensor) : bool = over null target x <> Positions.None

    /// Whether a value is settled before the target of some steps is drawn: if it needs it at all, then from earlier steps.
    let isBefore (times: FreeIndex list) (target: Tensor) (x: Tensor) : bool =
        not (needs target x) || times |> List.exists (fun i -> over i target x = Positions.Earlier)

    /// Of values in order, operands first, those that are computed from given ones, in conditions and positions as well; and these. A loop may carry on
    /// what a later step computes.
    let moving (given: Tensor seq) (order: Tensor[]) : HashSet<Tensor> =
        let moves = HashSet<Tensor>(given, HashIdentity.Reference)
        let mutable before = -1

        while moves.Count > before do
            before <- moves.Count

            for x in order do
                let operands =
                    match x.Op with
                    | Op.Carry(s, k)
                    | Op.Final(s, k) -> [| s.Inits[k]; s.Nexts[k] |]
                    | _ -> x.Inputs

                if operands |> Array.exists moves.Contains then
                    moves.Add x |> ignore

        moves
