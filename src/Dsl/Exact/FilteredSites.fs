namespace Inference

open System

/// What is known of a site of a chain at each step from the observations up to it.
[<RequireQualifiedAccess>]
module internal FilteredSites =
    let private isOver (time: FreeIndex) (i: FreeIndex) = obj.ReferenceEquals(i, time)

    let private refuseAlone (s: FiniteSite) =
        Fail.at
            s.Site.Location
            $"The site \"{s.Path}\" has nothing to be filtered by: it and what it is drawn from are not carried along a chain."
            "Ask for its Marginal."

    let private refuseOutside (s: FiniteSite) (c: EliminatedChain) (other: FreeIndex) =
        Fail.at
            s.Site.Location
            $"The site \"{s.Path}\" depends on \"{other.Name}\", which is drawn outside the chain over \"{c.Time.Name}\", in other plates or along another chain."
            $"Condition on \"{other.Name}\", or ask for the Marginal, given all that is observed."

    /// What is known, before a chain begins, of the values from outside that its steps read: log p(these, what is observed before), of sites in the same
    /// plates as the chain.
    let private outside (joint: FiniteJoint) (s: FiniteSite) (c: EliminatedChain) : Tensor list =
        let own = c.Sites |> List.collect (fun s -> s.All)
        let around = c.Sites.Head.Indices |> List.filter (isOver c.Time >> not)

        let read =
            Elimination.scope [ c.Message ] |> Array.filter (fun i -> not (List.contains i own)) |> List.ofArray

        let isOwn path = c.Sites |> List.exists (fun s -> s.Path = path)
        let before = joint.Order |> List.takeWhile (isOwn >> not)

        let sites =
            joint.Sites
            |> List.filter (fun s -> List.contains s.Path before && not (List.contains c.Time s.Site.Times))

        let known = sites |> List.map (fun s -> s.Index)
        let isKnown (t: Term) = Elimination.scope [ t.Value ] |> Array.forall (fun i -> List.contains i known)

        // a factor has no place: it belongs to what it reads
        let isBefore (path, t: Term) =
            not (List.contains c.Time t.Own)
            && (List.contains path before || (isKnown t && not (List.contains path joint.Order)))

        let terms =
            [
                yield! List.map (SumOut.prior []) sites
                yield! joint.Evidence |> List.choose (fun (path, _, t) -> if isBefore (path, t) then Some t else None)
            ]

        let rec linked (found: FreeIndex list) (terms: Term list) =
            let near, far = terms |> List.partition (fun t -> List.exists (Terms.has t.Value) found)

            if near.IsEmpty then
                found, []
            else
                let all =
                    near
                    |> Seq.collect (fun t -> Elimination.scope [ t.Value ])
                    |> Seq.append found
                    |> Seq.distinct
                    |> List.ofSeq

                let found, others = linked all far
                found, near @ others

        let all, terms = linked read terms

        for i in all do
            match sites |> List.tryFind (fun s -> s.Index = i) with
            | Some s when s.Indices.Length = around.Length && List.forall (fun j -> List.contains j around) s.Indices -> ()
            | _ -> refuseOutside s c i

        let values =
            terms |> List.map (fun t -> Structure.sum [||] (Terms.except around t.Own) (t.Sign * t.Scaled))

        let gone = all |> List.filter (fun i -> not (List.contains i read))
        fst (Elimination.all Combination.Sum ignore gone values)

    let private chains (time: FreeIndex) (removed: Removed list) =
        removed
        |> List.choose (fun r ->
            match r with
            | Removed.Chain c when isOver time c.Time -> Some c
            | Removed.Chain _
            | Removed.Site _ -> None)

    /// A site held to a value at each step by a term, and at one value of each plate that its chain does not stand in: the places and the value are free.
    let private held (s: FiniteSite) (places: (FreeIndex * FreeIndex) list) (value: FreeIndex) : Term =
        let is (i: FreeIndex) (j: FreeIndex) = Build.binary BinaryOp.Equal (Structure.position i) (Structure.position j)
        let isThere = places |> List.map (fun (own, asked) -> is own asked)
        let isOther = Build.unary UnaryOp.Not (is s.Index value)
        let zero = Build.scalar DType.F32 0.0
        let excluded = List.fold both isOther isThere
        let log = Build.select excluded (number zero Double.NegativeInfinity) zero
        Terms.summand [] s.Indices null $"{s.Path} is given" 1.0 log

    /// p(a value, what is observed up to each step) of a site that a chain does not carry, as logarithms: the message that comes into a step, of all values, times
    /// the step's factors with the site held.
    let private beside (joint: FiniteJoint) (removed: Removed list) (s: FiniteSite) time : Tensor * FreeIndex list =
        let asked name (i: FreeIndex) = FreeIndex($"{name} asked", i.Extent, IndexKind.Enumerated)
        let value = asked s.Path s.Index
        let isRead (c: EliminatedChain) = c.Factors |> List.exists (Elimination.reads value)

        let holding places =
            FiniteJoint.eliminate Combination.Sum joint.Sites (joint.Terms @ [ held s places value ])
            |> snd
            |> chains time
            |> List.tryFind isRead
            |> Option.defaultWith (fun () -> refuseAlone s)

        // held in all plates at once, it tells which chain it stands beside
        let around = (holding []).Sites.Head.Site.Plates

        let places =
            s.Site.Plates
            |> List.filter (fun i -> not (List.contains i around))
            |> List.map (fun i -> i, asked i.Name i)

        let held = holding places
        let paths (c: EliminatedChain) = c.Sites |> List.map (fun s -> s.Path)
        let known = chains time removed |> List.find (fun c -> paths c = paths held)
        let factors = Messages.into known :: held.Factors @ outside joint s known
        let left = value :: List.map snd places

        let rest =
            Elimination.scope factors |> Array.filter (fun i -> not (List.contains i left)) |> List.ofArray

        let found, _ = Elimination.all Combination.Sum ignore rest factors

        let place (i: FreeIndex) =
            places |> List.tryFind (fst >> isOver i) |> Option.map snd |> Option.defaultValue i

        Structure.stack value (List.reduce (+) found), s.Indices |> List.map place

    /// The same of a site that the chain carries: from the message that goes out of each step.
    let private carried (joint: FiniteJoint) (s: FiniteSite) (c: EliminatedChain) : Tensor =
        let all = List.reduce (+) (c.Message :: outside joint s c)

        Elimination.scope [ all ]
        |> Array.filter (fun i -> not (obj.ReferenceEquals(i, s.Index)))
        |> Array.fold (fun x i -> Elimination.logSumExp i x) all
        |> Structure.stack s.Index

    /// The probabilities of a site given what is observed up to each step, that included: its plates and steps, then its values.
    let probabilities (joint: FiniteJoint) (removed: Removed list) (s: FiniteSite) : Tensor =
        match List.tryLast s.Site.Times with
        | None -> refuseAlone s
        | Some time ->
            let log, indices =
                match chains time removed |> List.tryFind (fun c -> c.Sites |> List.exists (fun own -> own.Path = s.Path)) with
                | Some c -> carried joint s c, s.Indices
                | None -> beside joint removed s time

            List.foldBack Structure.stack indices (Elimination.normalised 0 log)
