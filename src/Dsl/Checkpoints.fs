namespace Inference

open System.Collections.Generic

/// Loops whose derivative keeps what is carried into each of some segments, and takes a segment's steps again when it comes back to it: with √T
/// segments of √T steps, memory grows with √T (Chen et al., "Training deep nets with sublinear memory cost", 2016).
[<RequireQualifiedAccess>]
module Checkpoints =
    /// What the steps read and no step changes: the values outside both loops that values inside are computed from.
    let private captured (segment: FreeIndex) (step: FreeIndex) (given: Tensor[]) (outputs: Tensor[]) : Tensor[] =
        let isInside (x: Tensor) = Array.contains segment x.Indices || Array.contains step x.Indices
        let known = HashSet<Tensor>(given, HashIdentity.Reference)
        let seen = HashSet<Tensor>(HashIdentity.Reference)
        let found = ResizeArray<Tensor>()
        let pending = Stack<Tensor>(outputs)

        while pending.Count > 0 do
            let x = pending.Pop()

            if not (known.Contains x) && seen.Add x then
                match x.Op with
                | _ when not (isInside x || Array.exists (fun o -> obj.ReferenceEquals(o, x)) outputs) -> found.Add x
                | Op.Carry(scan, _) ->
                    Array.iter pending.Push scan.Inits
                    Array.iter pending.Push scan.Nexts
                | _ -> Array.iter pending.Push (Traverse.edges x)

        found.ToArray() |> Array.filter (fun x -> x.DType.IsFloat)

    /// Values whose derivatives come from computing them again. They are computed from `leaves`; derivatives reach these through the
    /// arguments, which have the same values.
    let private again (leaves: Tensor[]) (arguments: Tensor[]) (compute: unit -> Tensor[]) (outputs: Tensor[]) : Tensor[] =
        let mutable last: Tensor[] * Tensor[] = null, null

        /// The tangents of all outputs, computed together for all of them.
        let tangentsOf (tangents: Tensor[]) =
            let before, found = last

            if not (isNull before) && Array.forall2 (fun a b -> obj.ReferenceEquals(a, b)) before tangents then
                found
            else
                let moving = [| 0 .. tangents.Length - 1 |] |> Array.filter (fun k -> not (isNull tangents[k]))

                let pick (xs: Tensor[]) = moving |> Array.map (fun k -> xs[k])
                let found = Calculus.jvpHolding leaves (compute ()) (pick leaves) (pick tangents)
                last <- tangents, found
                found

        outputs
        |> Array.mapi (fun k y ->
            let rule =
                {
                    Name = "segment"
                    Tangent = fun _ _ tangents -> if Array.forall isNull tangents then null else (tangentsOf tangents)[k]
                }

            if y.DType.IsFloat then Calculus.withDerivative rule arguments y else y)

    /// What each step of a segment reads, as one value of the segment.
    let private split (time: FreeIndex) (segment: FreeIndex) (step: FreeIndex) (x: Tensor) =
        Structure.stack time x
        |> Shapes.reshape (Array.append [| segment.Capacity; step.Capacity |] x.Shape)
        |> Structure.unstack segment

    let private join (time: FreeIndex) (segment: FreeIndex) (step: FreeIndex) (x: Tensor) =
        if not (Array.contains segment x.Indices || Array.contains step x.Indices) then
            x
        else
            Structure.stack step x
            |> Structure.stack segment
            |> Shapes.reshape (Array.append [| time.Capacity |] x.Shape)
            |> Structure.unstack time

    /// A loop over an index in segments: `step` maps what is carried and what each step reads, which must be handed in as `each`, to what is
    /// carried on and what else leaves the step.
    let scan
        (time: FreeIndex)
        (segments: int)
        (start: Tensor[])
        (each: Tensor[])
        (step: Tensor[] -> Tensor[] -> Tensor[] * Tensor[])
        : Tensor[] * Tensor[] =
        let steps = time.Capacity

        if time.Extent.Runtime.IsSome then
            Fail.model
                $"The loop over \"{time.Name}\" has a run-time number of steps; segments need a fixed one."
                "Give the index a fixed count."

        if segments < 1 || segments > steps || steps % segments <> 0 then
            let fitting =
                [
                    for k in 1..steps do
                        if steps % k = 0 then
                            string k
                ]
                |> String.concat ", "

            Fail.model $"The loop over \"{time.Name}\" has {steps} steps; {segments} segments do not divide it." $"Choose one of {fitting}."

        let segment = FreeIndex(time.Name + " segment", Extent.Fixed segments, IndexKind.Segment)
        let inner = FreeIndex(time.Name + " in segment", Extent.Fixed(steps / segments), IndexKind.Time)
        let each = each |> Array.map (split time segment inner)

        /// The steps of one segment, and what they read from outside.
        let compute carries () =
            let reads = each |> Array.map (Structure.unstack inner)
            let finals, results = Structure.scan inner carries (fun c -> step c reads)
            Array.append finals results

        let shared =
            let mutable found = [||]

            Structure.scan segment start (fun carried ->
                let outputs = compute carried ()

                for x in outputs do
                    if Array.contains time x.Indices then
                        Fail.model
                            $"A step of the loop over \"{time.Name}\" reads a value of each step that was not handed to it."
                            "Pass it with what each step reads."

                found <- captured segment inner (Array.append carried each) outputs
                Array.take carried.Length outputs, ())
            |> ignore

            found

        // what the steps read from outside is carried along, so that its cotangents add up segment by segment
        let finals, results =
            Structure.scan segment (Array.append start shared) (fun carried ->
                let own, along = Array.splitAt start.Length carried
                let outputs = compute own ()

                let all =
                    again (Array.concat [ own; each; shared ]) (Array.concat [ own; each; along ]) (compute own) outputs

                Array.append (Array.take start.Length all) along, Array.skip start.Length all)

        Array.take start.Length finals, results |> Array.map (join time segment inner)

    /// Values whose derivatives compute them again from `inputs`: a segment of one step.
    let recompute (inputs: Tensor[]) (compute: Tensor[] -> Tensor[]) : Tensor[] =
        let once = FreeIndex("recomputed", Extent.Fixed 1, IndexKind.Time)
        let _, results = scan once 1 inputs [||] (fun carried _ -> carried, compute carried)

        results
        |> Array.map (fun x -> if Array.contains once x.Indices then Structure.sum [||] [ once ] x else x)
