namespace Inference.Compiler

open System.Collections.Generic

/// The coordinates of indices at a point of the loops.
type Point =
    {
        At: Map<int, Address>
        /// The index that is lanes here, or −1, and the lane's number within its tile.
        Lane: int
        Local: Address
        /// True inside a loop over lanes of any kind.
        Vectorised: bool
        /// Indices read at another position than the loops stand at.
        Rebound: Set<int>
    }

/// A block being emitted, with the values of nodes that are in registers there.
[<Sealed; AllowNullLiteral>]
type Scope(emitter: Emitter, parent: Scope, variable: LoopVar) =
    let values = Dictionary<struct (int * int), Operand>()
    let points = Dictionary<int, struct (Address[] * Operand)>()
    let loads = Dictionary<struct (int * Address), Operand>(HashIdentity.Structural)
    member _.Emitter = emitter
    member _.Parent = parent

    /// A scope for the body of a loop.
    member scope.Nested(loop: LoopVar) = Scope(emitter.Nested(), scope, loop)

    /// A scope that appends to the same block: the next of several unrolled steps.
    member scope.Beside() = Scope(emitter, scope, null)
    member _.Remember(node, flat, value) = values[struct (node, flat)] <- value

    member _.Recall(node, flat) : Operand voption =
        match values.TryGetValue(struct (node, flat)) with
        | true, v -> ValueSome v
        | _ -> if isNull parent then ValueNone else parent.Recall(node, flat)

    /// The same for the one element that is being computed, at coordinates that are not known yet.
    member _.RememberAt(node, coordinates: Address[], value) = points[node] <- struct (coordinates, value)

    member _.RecallAt(node, coordinates: Address[]) : Operand voption =
        match points.TryGetValue node with
        | true, struct (at, value) when at = coordinates -> ValueSome value
        | _ -> ValueNone

    /// A load, shared within the block. A `steady` buffer is not written while the kernel runs, so that its loads move out of the
    /// loops that their address does not follow; a `changing` one is loaded each time.
    member scope.Load(buffer, t: ScalarType, address: Address, steady: bool, changing: bool) : Operand =
        let follows = address.Loops |> List.exists (fun (v, _) -> obj.ReferenceEquals(v, variable))

        if steady && not follows && address.Vars.IsEmpty && not (isNull parent) then
            parent.Load(buffer, t, address, steady, changing)
        else
            let key = struct (buffer, address)

            match loads.TryGetValue key with
            | true, v when not changing -> v
            | _ ->
                let isLane = address.Loops |> List.exists (fun (v, _) -> v.Kind = LoopKind.Lane)
                let v = emitter.NewVar(t, isLane || address.Vars |> List.exists (fun (v, _) -> v.Varies))
                emitter.Append(Load(v, buffer, address))
                loads[key] <- Operand.Var v
                Operand.Var v

/// Whole-number arithmetic on addresses.
[<RequireQualifiedAccess>]
module Coordinate =
    /// The address as an I32 operand.
    let operand (e: Emitter) (a: Address) : Operand =
        let term (v: Operand) c = if c = 1L then v else e.Mul(v, e.Int(ScalarType.I32, c))

        let ofLoop (v: LoopVar, c) =
            let r = e.ReadLoop v
            term (Operand.Var r) c

        let terms = (a.Loops |> List.map ofLoop) @ (a.Vars |> List.map (fun (v, c) -> term (Operand.Var v) c))

        let start =
            if a.Constant = 0L && not terms.IsEmpty then
                []
            else
                [ e.Int(ScalarType.I32, a.Constant) ]

        List.reduce (fun x y -> e.Add(x, y)) (terms @ start)

    let ofOperand (o: Operand) =
        match o with
        | Operand.Int(_, v) -> Address.Of v
        | Operand.Float(_, v) -> Address.Of(int64 v)
        | Operand.Var v -> Address.Of v

    /// Splits the terms into multiples of the divisor and a rest, if the rest is known to stay below it: a tile's number and the lane in
    /// it come apart without a division. `range` knows the least and the greatest value of a coordinate.
    let private exact (range: Address -> struct (int64 * int64) voption) (a: Address) (divisor: int64) =
        let whole (_, c) = c % divisor = 0L
        let multiples, others = a.Loops |> List.partition whole

        let rest = { Constant = a.Constant % divisor; Loops = others; Vars = [] }

        let fits =
            others.IsEmpty
            || (match range rest with
                | ValueSome(struct (low, high)) -> low >= 0L && high < divisor
                | ValueNone -> false)

        if List.forall whole a.Vars && a.Constant >= 0L && fits then
            let quotient =
                {
                    Constant = a.Constant / divisor
                    Loops = multiples |> List.map (fun (v, c) -> v, c / divisor)
                    Vars = a.Vars |> List.map (fun (v, c) -> v, c / divisor)
                }

            Some(quotient, rest)
        else
            None

    let private divideWithin range (e: Emitter) (a: Address) (divisor: int64) : struct (Address * Address) =
        if divisor = 1L then
            struct (a, Address.Of 0L)
        else
            match exact range a divisor with
            | Some(q, r) -> struct (q, r)
            | None ->
                let n, d = operand e a, e.Int(ScalarType.I32, divisor)
                struct (ofOperand (e.Op(Arith.Div, n, d)), ofOperand (e.Op(Arith.Rem, n, d)))

    let private unknown (_: Address) : struct (int64 * int64) voption = ValueNone

    /// Quotient and remainder by a positive number.
    let divide (e: Emitter) (a: Address) (divisor: int64) : struct (Address * Address) = divideWithin unknown e a divisor

    /// Row-major position of coordinates.
    let flatten (shape: int[]) (coordinates: Address[]) =
        Array.fold2 (fun acc (c: Address) s -> acc + c * s) (Address.Of 0L) coordinates (Buffers.Strides(shape, 1L))

    /// Clamps a computed position to 0 … top.
    let clamp (e: Emitter) (top: int) (o: Operand) =
        let t = o.Type
        e.Min(e.Max(o, e.Int(t, 0L)), e.Int(t, int64 top))

    /// True if the position may lie outside, in the lanes that fill the last tile.
    let private mayLeave (a: Address) =
        not a.Vars.IsEmpty || a.Loops |> List.exists (fun (v, _) -> v.Kind = LoopKind.Lane)

    /// Coordinates of a row-major position, where the ranges of some coordinates are known.
    let unflattenWithin range (e: Emitter) (shape: int[]) (flat: Address) : Address[] =
        let result = Array.create shape.Length (Address.Of 0L)
        let mutable rest = flat

        for axis in shape.Length - 1 .. -1 .. 1 do
            let divisor = int64 shape[axis]

            // quotients lead far away: what lies outside is brought inside before it is divided
            if divisor > 1L && mayLeave rest && (exact range rest divisor).IsNone then
                rest <- ofOperand (clamp e (Array.fold (*) 1 (Array.take (axis + 1) shape) - 1) (operand e rest))

            let struct (q, r) = divideWithin range e rest divisor
            result[axis] <- r
            rest <- q

        if shape.Length > 0 then
            result[0] <- rest

        result

    /// Coordinates of a row-major position.
    let unflatten (e: Emitter) (shape: int[]) (flat: Address) : Address[] = unflattenWithin unknown e shape flat
