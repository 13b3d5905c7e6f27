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

    /// What is known of the values that a step hands on may only be of the chain itself.
    let private requireAlone (s: FiniteSite) (c: EliminatedChain) =
        let own = c.Sites |> List.collect (fun s -> s.All)

        match Elimination.scope [ c.Message ] |> Array.tryFind (fun i -> not (List.contains i own)) with
        | Some other ->
            Fail.at
                s.Site.Location
                $"The site \"{s.Path}\" depends on \"{other.Name}\", which is drawn outside the chain over \"{c.Time.Name}\"."
                $"Condition on \"{other.Name}\", or ask for the Marginal, given all that is observed."
        | None -> ()

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
        requireAlone s known
        let factors = Messages.into known :: held.Factors
        let left = value :: List.map snd places

        let rest =
            Elimination.scope factors |> Array.filter (fun i -> not (List.contains i left)) |> List.ofArray

        let found, _ = Elimination.all Combination.Sum ignore rest factors

        let place (i: FreeIndex) =
            places |> List.tryFind (fst >> isOver i) |> Option.map snd |> Option.defaultValue i

        Structure.stack value (List.reduce (+) found), s.Indices |> List.map place

    /// The same of a site that the chain carries: from the message that goes out of each step.
    let private carried (s: FiniteSite) (c: EliminatedChain) : Tensor =
        requireAlone s c

        Elimination.scope [ c.Message ]
        |> Array.filter (fun i -> not (obj.ReferenceEquals(i, s.Index)))
        |> Array.fold (fun x i -> Elimination.logSumExp i x) c.Message
        |> Structure.stack s.Index

    /// The probabilities of a site given what is observed up to each step, that included: its plates and steps, then its values.
    let probabilities (joint: FiniteJoint) (removed: Removed list) (s: FiniteSite) : Tensor =
        match List.tryLast s.Site.Times with
        | None -> refuseAlone s
        | Some time ->
            let log, indices =
                match chains time removed |> List.tryFind (fun c -> c.Sites |> List.exists (fun own -> own.Path = s.Path)) with
                | Some c -> carried s c, s.Indices
                | None -> beside joint removed s time

            List.foldBack Structure.stack indices (Elimination.normalised 0 log)
