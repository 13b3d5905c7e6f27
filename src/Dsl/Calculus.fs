namespace Inference

open System
open System.Collections.Generic

/// Differentiation, from graph to graph: linearise, then transpose. What comes out are ordinary values, so that it may be
/// differentiated again. A loop linearises to a loop over the same index beside it, and transposes to a loop backward; each reads
/// the other's values at the same step. An index that a value does not have is summed over: the gradient of a weight used in a plate
/// and at each step of a chain is one contraction over both.
[<RequireQualifiedAccess>]
module Calculus =
    let private without (i: FreeIndex) (x: FreeIndex[]) = x |> Array.filter (fun j -> not (obj.ReferenceEquals(i, j)))
    let private union (sets: FreeIndex[] seq) = sets |> Seq.concat |> Seq.distinct |> Array.ofSeq

    /// A loop that stands beside another and carries something for some of its values.
    type private Twin =
        {
            Scan: Scan
            /// For each value of the other loop, the number of its own, or −1.
            Number: int[]
            Carries: Tensor[]
        }

        member t.Final k =
            let c = t.Carries[t.Number[k]]
            Tensor(Op.Final(t.Scan, t.Number[k]), [||], c.Shape, c.DType, without t.Scan.Index c.Indices)

    let private twin (s: Scan) backward (members: int[]) (inits: Tensor[]) (indices: FreeIndex[][]) =
        let scan = Scan(s.Index, backward, inits)

        {
            Scan = scan
            Number = Array.init s.Inits.Length (fun k -> Array.IndexOf(members, k))
            Carries =
                inits
                |> Array.mapi (fun n x -> Tensor(Op.Carry(scan, n), [||], x.Shape, x.DType, union [ indices[n]; [| s.Index |] ]))
        }

    /// The tangents of outputs; null where one does not move. What is held is taken as it is, whatever it is computed from.
    let rec private linearise (held: Tensor[]) (outputs: Tensor[]) (inputs: Tensor[]) (seeds: Tensor[]) : Tensor[] =
        let order = Traverse.postOrderUntil (Seq.append held inputs) outputs
        let moves = Tangents.moving order inputs
        // values that are computed alike move alike: with one tangent for all of them their cotangents are added up before they go on
        let firstOf = Sameness.first order (Seq.append held inputs)
        let carried = Dictionary<Scan, FreeIndex[][]>(HashIdentity.Reference)

        let ofPrimitive x tangents = Tangents.rule (fun y xs ts -> (linearise held [| y |] xs ts)[0]) x tangents

        /// One walk; None if the tangents that a loop carries turned out to vary over more indices than were assumed.
        let walk () =
            let tangents = Dictionary<Tensor, Tensor>(HashIdentity.Reference)
            let twins = Dictionary<Scan, Twin>(HashIdentity.Reference)
            Array.iter2 (fun x t -> tangents[x] <- t) inputs seeds

            let tangentOf (x: Tensor) =
                match tangents.TryGetValue x with
                | true, t -> t
                | _ -> null

            let twinOf (s: Scan) =
                match twins.TryGetValue s with
                | true, t -> t
                | _ ->
                    let members = [| 0 .. s.Inits.Length - 1 |] |> Array.filter (fun k -> moves.Contains s.Carries[k])
                    let inits = members |> Array.map (fun k -> Tangents.orZeros s.Inits[k] (tangentOf s.Inits[k]))

                    // where it starts from may vary over more than in an earlier walk: another loop's last values
                    let before = carried.GetValueOrDefault(s, Array.create inits.Length [||])
                    carried[s] <- Array.map2 (fun indices (x: Tensor) -> union [ indices; x.Indices ]) before inits

                    let t = twin s s.Backward members inits carried[s]
                    twins[s] <- t
                    t

            for x in order do
                if moves.Contains x && not (tangents.ContainsKey x) then
                    tangents[x] <-
                        match x.Op with
                        | _ when not (obj.ReferenceEquals(firstOf x, x)) -> tangentOf (firstOf x)
                        | Op.Carry(s, k) -> let t = twinOf s in t.Carries[t.Number[k]]
                        | Op.Final(s, k) -> (twinOf s).Final k
                        | _ ->
                            let ts = x.Inputs |> Array.map tangentOf
                            if Array.forall isNull ts then null else ofPrimitive x ts

            let mutable settled = true

            for KeyValue(s, t) in twins do
                let nexts =
                    [|
                        for k in 0 .. s.Inits.Length - 1 do
                            if t.Number[k] >= 0 then
                                Tangents.orZeros s.Inits[k] (tangentOf s.Nexts[k])
                    |]

                let needed = nexts |> Array.mapi (fun n next -> union [ carried[s].[n]; without s.Index next.Indices ])

                settled <-
                    settled
                    && Array.forall2 (fun (a: FreeIndex[]) (b: FreeIndex[]) -> a.Length = b.Length) needed carried[s]

                carried[s] <- needed
                t.Scan.Bind(t.Carries, nexts)

            if settled then Some(outputs |> Array.map tangentOf) else None

        Seq.initInfinite (fun _ -> walk ()) |> Seq.pick id

    /// The cotangents of inputs by which the outputs are linear; null where one has no influence. What is held is not looked into.
    let private transpose (held: Tensor[]) (outputs: Tensor[]) (cotangents: Tensor[]) (inputs: Tensor[]) : Tensor[] =
        let order = Traverse.postOrderUntil held outputs
        let linear = Tangents.moving order inputs
        let received = Dictionary<Tensor, Tensor>(HashIdentity.Reference)
        let twins = Dictionary<Scan, Twin>(HashIdentity.Reference)
        // indices of the given cotangents that the outputs do not have: several are transposed at once
        let more =
            Array.map2 (fun (c: Tensor) (y: Tensor) -> Array.except y.Indices c.Indices) cotangents outputs
            |> union

        let cotangentOf (x: Tensor) =
            match received.TryGetValue x with
            | true, c -> c
            | _ -> null

        let give (x: Tensor) (c: Tensor) = received[x] <- Tangents.add (cotangentOf x) c

        /// The loop backward that carries the cotangents of what a loop carries.
        let twinOf (s: Scan) =
            match twins.TryGetValue s with
            | true, t -> t
            | _ ->
                let members = [| 0 .. s.Inits.Length - 1 |] |> Array.filter (fun k -> linear.Contains s.Carries[k])

                let finals =
                    order
                    |> Array.choose (fun x ->
                        match x.Op with
                        | Op.Final(f, k) when obj.ReferenceEquals(f, s) -> Some(k, x)
                        | _ -> None)

                let ofFinal k =
                    finals
                    |> Array.filter (fun (n, _) -> n = k)
                    |> Array.fold (fun c (_, x) -> Tangents.add c (cotangentOf x)) null

                let inits = members |> Array.map (fun k -> Tangents.orZeros s.Inits[k] (ofFinal k))
                let indices = members |> Array.map (fun k -> union [ s.Carries[k].Indices; more ])
                let t = twin s (not s.Backward) members inits indices
                twins[s] <- t

                // what a step computes is carried on: its cotangent is what the loop backward holds
                for k in members do
                    if linear.Contains s.Nexts[k] then
                        let extra = t.Carries[t.Number[k]].Indices |> Array.except s.Nexts[k].Indices |> Array.except more
                        give s.Nexts[k] (Structure.sum [||] (List.ofArray extra) t.Carries[t.Number[k]])

                    let starts = s.Inits[k]

                    if linear.Contains starts then
                        let last = t.Final(k)
                        let extra = last.Indices |> Array.except starts.Indices |> Array.except more
                        give starts (Structure.sum [||] (List.ofArray extra) last)

                t

        for y, c in Array.zip outputs cotangents do
            if linear.Contains y then
                give y c

        let isInput = HashSet<Tensor>(inputs, HashIdentity.Reference)
        /// Where a loop starts from and what its steps compute: from behind, all users of its last values stand before these.
        let feeds = Dictionary<Tensor, HashSet<Scan>>(HashIdentity.Reference)

        for x in order do
            match x.Op with
            | Op.Carry(s, _)
            | Op.Final(s, _) when s.Carries |> Array.exists linear.Contains ->
                for n in Seq.append s.Inits s.Nexts do
                    if not (feeds.ContainsKey n) then
                        feeds[n] <- HashSet(HashIdentity.Reference)

                    feeds[n].Add s |> ignore
            | _ -> ()

        for y in Array.rev order do
            match feeds.TryGetValue y with
            | true, loops ->
                for s in loops do
                    twinOf s |> ignore
            | _ -> ()

            if linear.Contains y && not (isInput.Contains y) then
                match y.Op with
                | Op.Carry _
                | Op.Final _ -> ()
                | _ ->
                    match cotangentOf y with
                    | null -> ()
                    | c ->
                        for k, value in Transposes.rule y linear.Contains c do
                            give y.Inputs[k] value

        for KeyValue(s, t) in twins do
            let nexts = s.Carries |> Array.filter linear.Contains |> Array.map cotangentOf
            t.Scan.Bind(t.Carries, Array.map2 Tangents.orZeros t.Scan.Inits nexts)

        inputs |> Array.map cotangentOf

    /// By a value that is named twice a derivative would be split between the two.
    let private distinct what (inputs: Tensor[]) =
        match inputs |> Array.countBy id |> Array.tryFind (fun (_, n) -> n > 1) with
        | Some(x, n) -> Fail.model $"{what} is taken by one and the same {x} {n} times." "Name each value once."
        | None -> ()

    let private check what (values: Tensor[]) (along: Tensor[]) =
        if values.Length <> along.Length then
            Fail.model $"{what} needs as many directions as values: {values.Length}; {along.Length} came." "Give one for each."

        for x, t in Array.zip values along do
            if not x.DType.IsFloat then
                Fail.model $"{what} needs floating-point values; {x} came." "Whole numbers have no derivative."

            if x.Shape <> t.Shape || x.DType <> t.DType then
                Fail.model $"{what} needs a direction like its value, {x}; {t} came." "Give it the same shape and type."

    /// How outputs move when the inputs, which may be any values that they are computed from, move along tangents: J·t.
    let jvp (outputs: Tensor[]) (inputs: Tensor[]) (tangents: Tensor[]) : Tensor[] =
        check "Jvp" inputs tangents
        distinct "Jvp" inputs
        linearise [||] outputs inputs tangents |> Array.map2 Tangents.orZeros outputs

    /// The same where some values are held, whatever they are computed from.
    let internal jvpHolding (held: Tensor[]) (outputs: Tensor[]) (inputs: Tensor[]) (tangents: Tensor[]) : Tensor[] =
        linearise held outputs inputs tangents |> Array.map2 Tangents.orZeros outputs

    /// ∂y/∂x as a matrix, [elements of y, elements of x], where some values are held, whatever they are computed from.
    let internal jacobian (held: Tensor[]) (y: Tensor) (x: Tensor) : Tensor =
        let direction = FreeIndex("direction", Extent.Fixed x.Count, IndexKind.Plate)

        let unit =
            Build.binary BinaryOp.Equal (Shapes.iota x.Count) (Build.fill [| x.Count |] (Structure.position direction))
            |> Build.convert x.DType
            |> Shapes.reshape x.Shape

        (jvpHolding held [| y |] [| x |] [| unit |])[0]
        |> Structure.stack direction
        |> Shapes.reshape [| x.Count; y.Count |]
        |> Shapes.transpose [| 1; 0 |]

    /// `vjp` where some values are held, whatever they are computed from.
    let internal vjpHolding (held: Tensor[]) (outputs: Tensor[]) (inputs: Tensor[]) (cotangents: Tensor[]) : Tensor[] =
        check "Vjp" outputs cotangents
        check "Vjp" inputs inputs
        distinct "Vjp" inputs

        let directions =
            inputs
            |> Array.map (fun x -> Tensor(Op.Input(InputSlot("tangent", false, Location.unknown)), [||], x.Shape, x.DType, x.Indices))

        let moved, weights =
            Array.zip (linearise held outputs inputs directions) cotangents
            |> Array.filter (fun (t, _) -> not (isNull t))
            |> Array.unzip

        transpose (Array.append held inputs) moved weights directions |> Array.map2 Tangents.orZeros inputs

    /// What inputs contribute to outputs weighed by cotangents: Jᵀ·c. Each has the indices of its input; what an input does not
    /// vary over is summed.
    let vjp (outputs: Tensor[]) (inputs: Tensor[]) (cotangents: Tensor[]) : Tensor[] = vjpHolding [||] outputs inputs cotangents

    /// The gradient of a scalar.
    let gradient (loss: Tensor) (inputs: Tensor[]) : Tensor[] =
        if not loss.IsScalar || not loss.DType.IsFloat then
            Fail.model $"A gradient needs a floating-point scalar; {loss} came." "Sum or average it first."

        for i in loss.Indices do
            if inputs |> Array.exists (fun x -> not (Array.contains i x.Indices)) then
                Fail.model
                    $"The value whose gradient is taken varies over \"{i.Name}\", which what it is taken by does not."
                    $"Sum or average it over \"{i.Name}\" first."

        vjp [| loss |] inputs [| Build.scalar loss.DType 1.0 |]

    /// The Hessian of a scalar times a direction: the tangent of its gradient.
    let hessianVector (loss: Tensor) (inputs: Tensor[]) (direction: Tensor[]) : Tensor[] = jvp (gradient loss inputs) inputs direction

    /// A value with a derivative of its own: `rule` gives its tangent from the value, the arguments and their tangents.
    let withDerivative (rule: DerivativeRule) (arguments: Tensor[]) (value: Tensor) =
        Build.node (Op.Derivative rule) (Array.append [| value |] arguments) value.Shape value.DType

    let private stop = "stop"
    let private through = "straight through"

    /// Whether a rule is the value's own derivative, written another way.
    let internal isOfValue (rule: DerivativeRule) = rule.Name <> stop && rule.Name <> through

    /// The value, taken as a constant by every derivative.
    let stopGradient (x: Tensor) = withDerivative { Name = stop; Tangent = fun _ _ _ -> null } [||] x

    /// The value, with the derivatives of another of the same shape.
    let straightThrough (value: Tensor) (differentiable: Tensor) =
        if value.Shape <> differentiable.Shape || value.DType <> differentiable.DType then
            Fail.model
                $"StraightThrough needs two values of one shape and type; {value} and {differentiable} came."
                "Give the second the shape and type of the first."

        withDerivative { Name = through; Tangent = fun _ _ tangents -> tangents[0] } [| differentiable |] value
