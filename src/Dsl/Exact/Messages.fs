namespace Inference

open System

/// A finite site that is to be eliminated: its record, the index over its values, and those over its values of earlier steps that are read.
type internal FiniteSite =
    {
        Site: SiteRecord
        Index: FreeIndex
        Lags: FreeIndex list
    }

    member s.Path = s.Site.Path
    /// The present values and earlier ones.
    member s.All = s.Index :: s.Lags
    member s.Indices = s.Site.Plates @ s.Site.Times

/// The variables of a chain, eliminated step by step: the joint tables of each step, free in the chain's index, and those of the end.
type internal EliminatedChain =
    {
        Time: FreeIndex
        Sites: FiniteSite list
        /// What each step is a product of, besides the message: logarithms, free in the chain's index.
        Factors: Tensor list
        Steps: Eliminated list
        Ends: Eliminated list
        /// The message after each step, free in the chain's index and in those of the values that later steps read.
        Message: Tensor
    }

/// Elimination along a chain: a loop carries the message of the values that later steps read.
[<RequireQualifiedAccess>]
module internal Messages =
    let private stackAll indices x = List.foldBack Structure.stack indices x
    let private unstackAll indices x = List.fold (fun x i -> Structure.unstack i x) x indices

    /// The values that come into a step, and those that go out of it.
    let private lagged (sites: FiniteSite list) =
        sites |> List.collect (fun s -> s.Lags), sites |> List.collect (fun s -> List.take s.Lags.Length s.All)

    /// The message before the first step: 1 for all values together, since those are made up.
    let private startOf combination (before: FreeIndex list) =
        match combination with
        | Combination.Sum -> -(log (Elimination.size before))
        | Combination.Max -> 0.0
        | Combination.MaxMin -> Double.PositiveInfinity

    /// A joint of the sites of a step and of earlier steps, summed along the chain: α₀ = 1/n and
    /// α(z_t, …) = Σ α(z_{t−1}, …)·f_t(z_t, z_{t−1}, …), then Σ α(z_T, …)·g(z_T, …). The values before the first step are made up, as many as
    /// there are: nothing reads them, since the chain starts from what it is given. `steps` are f, `ends` are g.
    let along combination refuse time (sites: FiniteSite list) (steps: Tensor list) (ends: Tensor list) : Tensor list * EliminatedChain =
        let before, after = lagged sites
        let last = sites |> List.map (fun s -> List.last s.Lags)
        let dtype = steps.Head.DType
        let start = startOf combination before
        let shape = [| for i in before -> i.Capacity |]

        let finals, (message, eliminated) =
            Structure.scan time [| Build.constantOf dtype shape [| start |] |] (fun carried ->
                let factors, eliminated =
                    Elimination.all combination refuse last (unstackAll before carried[0] :: steps)

                let message = Elimination.product combination factors
                [| stackAll after message |], (message, eliminated))

        let left, ended = Elimination.all combination refuse before (unstackAll before finals[0] :: ends)

        left,
        {
            Time = time
            Sites = sites
            Factors = steps
            Steps = eliminated
            Ends = ended
            Message = message
        }

    /// The message that comes into each step of a chain: the one that went out of the step before it. Free in the chain's index.
    let into (c: EliminatedChain) : Tensor =
        let before, after = lagged c.Sites
        let all = Structure.stack c.Time (stackAll after c.Message)

        let first =
            Build.constantOf all.DType [| yield 1; yield! all.Shape[1..] |] [| startOf Combination.Sum before |]

        let shifted = Shapes.concat 0 [| first; Shapes.part 0 0 (all.Shape[0] - 1) all |]
        unstackAll before (Structure.unstack c.Time shifted)

    let private isHandedOn (x: Tensor) =
        match x.Op with
        | Op.Unstack _ ->
            (match x.Inputs[0].Op with
             | Op.Stack i -> i.Kind = IndexKind.Enumerated
             | _ -> false)
        | _ -> false

    /// What in a term mixes the steps of a chain, so that it is no sum over the values of a step and those of the steps before it.
    let mixes (time: FreeIndex) (sites: FiniteSite list) (t: Term) : bool =
        let all = sites |> List.collect (fun s -> s.All)
        let isWithin = List.contains time t.Own
        let varies (x: Tensor) = x.Indices |> Array.exists (fun i -> List.contains i all)

        let breaks (x: Tensor) =
            match x.Op with
            | Op.Carry(scan, k) when obj.ReferenceEquals(scan.Index, time) && varies x ->
                // a loop that is no chain of the model hands on nothing
                scan.Backward || varies scan.Inits[k] || not (isHandedOn scan.Nexts[k])
            | Op.Final(scan, k) when obj.ReferenceEquals(scan.Index, time) -> isWithin && varies scan.Nexts[k]
            | Op.Reduce(_, _, held)
            | Op.Dot(_, _, _, held)
            | Op.Convolution(_, _, held) -> List.contains time held && Array.exists varies x.Inputs
            | Op.Stack i -> obj.ReferenceEquals(i, time) && varies x.Inputs[0]
            | _ -> false

        // after the chain there are no values of a present step
        (not isWithin && sites |> List.exists (fun s -> Terms.has t.Value s.Index))
        || Traverse.postOrder [ t.Value ] |> Array.exists breaks
