namespace Inference

open System.Collections.Generic

/// Values of all sites together, found backward through what was eliminated: of each variable given those that were eliminated after it.
[<RequireQualifiedAccess>]
module internal Assignments =
    let private isValue (i: FreeIndex) = i.Kind = IndexKind.Enumerated

    /// A table at the values that are known of its variables.
    let private at (known: FreeIndex -> Tensor option) (joint: Tensor) =
        joint.Indices
        |> Array.filter isValue
        |> Array.fold
            (fun x i ->
                match known i with
                | Some position -> Shapes.gather (Structure.stack i x) position
                | None -> x)
            joint

    /// Picks values backward; `pick` is told of a site, of the index whose value is picked, the plates and times it stands in, and the logarithms of the values'
    /// weights. Positions by index.
    let backward
        (pick: FiniteSite -> FreeIndex -> FreeIndex list -> FreeIndex list -> Tensor -> Tensor)
        (removed: Removed list)
        : Dictionary<FreeIndex, Tensor> =
        let known = Dictionary<FreeIndex, Tensor>()
        // of a chain, the last values: what stands outside it reads these, and no step's
        let last = Dictionary<FreeIndex, struct (FreeIndex * Tensor)>()

        let one (known: Dictionary<FreeIndex, Tensor>) (s: FiniteSite) times (e: Eliminated) =
            let value i =
                match last.TryGetValue i, known.TryGetValue i with
                | (true, struct (time, position)), _ when not (List.contains time times) -> Some position
                | _, (true, position) -> Some position
                | _ -> None

            known[e.Index] <- pick s e.Index s.Site.Plates times (Structure.stack e.Index (at value e.Joint))

        let along (c: EliminatedChain) =
            let siteOf (e: Eliminated) = c.Sites |> List.find (fun s -> List.contains e.Index s.Lags)
            let outer = c.Sites.Head.Site.Times |> List.filter (fun i -> not (obj.ReferenceEquals(i, c.Time)))

            for e in List.rev c.Ends do
                one known (siteOf e) outer e

            // after a step a lag is the value before it
            let before = c.Sites |> List.collect (fun s -> s.Lags)
            let after = c.Sites |> List.collect (fun s -> List.take s.Lags.Length s.All)
            let ends = before |> List.map (fun i -> known[i])

            let _, found =
                Structure.scanIn true c.Time (Array.ofList ends) (fun carried ->
                    let step = Dictionary<FreeIndex, Tensor>(known)

                    for i in before do
                        step.Remove i |> ignore

                    List.iteri (fun k i -> step[i] <- carried[k]) after

                    for e in List.rev c.Steps do
                        one step (siteOf e) (outer @ [ c.Time ]) e

                    before |> List.map (fun i -> step[i]) |> Array.ofList, step)

            for s in c.Sites do
                for i in s.All do
                    known[i] <- found[i]

            for i, position in List.zip before ends do
                last[i] <- struct (c.Time, position)

        for r in List.rev removed do
            match r with
            | Removed.Site(s, e) -> one known s s.Site.Times e
            | Removed.Chain c -> along c

        known
