namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// Where the loop over an index stands.
[<RequireQualifiedAccess>]
type Role =
    /// A sequential loop that encloses whole kernels.
    | Outer
    /// Split over threads and lanes by a kernel.
    | Parallel
    /// A loop inside a kernel.
    | Inner

/// What the schedule knows of a graph's indices and loops before it places anything.
type Roles =
    {
        Role: Role[]
        /// The nesting order of outer and of inner indices: smaller encloses larger.
        Rank: int[]
        /// The nodes on each scan's cycle: what a carry reaches and what reaches a next.
        Cycle: HashSet<int>[]
        /// What belongs in each scan's own loop: the cycle, and for an outer loop all that varies with it and feeds it.
        Unit: HashSet<int>[]
        Users: int[][]
        /// How much rather one index than another gives the lanes, of the plates that a value varies over: the higher, the rather.
        Lane: int[]
        /// For each index, how many of its values one item of a kernel takes as lanes.
        Tile: int[]
    }

/// The free-index analysis: which loops enclose which.
[<RequireQualifiedAccess>]
module Roles =
    /// A step whose values have at least this many elements is worth kernels of its own.
    let private largeElements = 4096

    /// This many large contractions in a step are worth kernels of their own as well.
    let private manyContractions = 4

    /// Orders indices so that every (outside, inside) pair holds; a cycle of constraints falls back to the order of creation.
    let private rank count (pairs: (int * int) list) =
        let rank = Array.zeroCreate count

        for _ in 1..count do
            for a, b in pairs do
                if rank[b] <= rank[a] && rank[a] < count then
                    rank[b] <- rank[a] + 1

        rank |> Array.mapi (fun i r -> r * count + i)

    /// What the analysis knows of the scans of a graph, by their numbers.
    type private Scans =
        {
            Graph: Graph
            ScanOf: Scan -> int
            /// The indices that scans run over.
            Times: Set<int>
            Cycles: HashSet<int>[]
        }

        member x.Count = x.Graph.Scans.Length
        member x.Index k = x.Graph.Scans[k].Index

        /// The indices that what a scan carries varies over.
        member x.Carried k =
            x.Graph.Scans[k].Carries
            |> Seq.filter (fun c -> c >= 0)
            |> Seq.collect (fun c -> x.Graph.Nodes[c].Indices)
            |> Seq.distinct
            |> List.ofSeq

        /// Scans that share an index share its loop.
        member x.Together k = [| 0 .. x.Count - 1 |] |> Array.filter (fun j -> x.Index j = x.Index k)

        /// The plates that a step eliminates.
        member x.Crossed k =
            x.Cycles[k]
            |> Seq.collect (fun n -> Graph.eliminated x.Graph x.ScanOf x.Graph.Nodes[n])
            |> Seq.distinct
            |> Seq.filter (fun i -> not (x.Times.Contains i))
            |> Set.ofSeq

    /// The plates that each loop crosses: they stand inside it, and inside the loops around it.
    let private crossings (scans: Scans) (own: Set<int>[]) : Set<int>[] =
        let found =
            Array.init scans.Count (fun k -> scans.Together k |> Seq.map (fun j -> own[j]) |> Set.unionMany)

        let mutable spreads = true

        while spreads do
            spreads <- false

            for k in 0 .. scans.Count - 1 do
                for m in 0 .. scans.Count - 1 do
                    if scans.Index m <> scans.Index k && List.contains (scans.Index m) (scans.Carried k) then
                        let held = Set.ofSeq (scans.Together m |> Seq.collect scans.Carried)
                        let more = Set.intersect found[k] held

                        if not (Set.isSubset more found[m]) then
                            found[m] <- Set.union found[m] more
                            spreads <- true

        found

    /// A step that is worth kernels of its own: no plate stands around the loop, and much happens in it or it crosses a plate.
    /// A step with so many large contractions is no kernel's inner loop: compilers see functions that they can optimise, and each
    /// contraction has the registers to itself.
    let private isLarge (scans: Scans) (own: Set<int>[]) (crossings: Set<int>[]) k =
        let graph, cycle = scans.Graph, scans.Cycles[k]
        let contractions = cycle |> Seq.filter (fun n -> Lanes.products graph graph.Nodes[n] >= largeElements)

        let held =
            scans.Carried k |> List.filter (fun i -> not (scans.Times.Contains i || crossings[k].Contains i))

        graph.Indices[scans.Index k].Kind = IndexKind.Segment
        || Seq.length contractions >= manyContractions
        || held.IsEmpty
           && (not own[k].IsEmpty || cycle |> Seq.exists (fun n -> graph.Nodes[n].Count >= largeElements))

    let private rolesOf (scans: Scans) (own: Set<int>[]) (crossings: Set<int>[]) : Role[] =
        let role = scans.Graph.Indices |> Array.map (fun _ -> Role.Parallel)

        for k in 0 .. scans.Count - 1 do
            let large = scans.Together k |> Array.exists (isLarge scans own crossings)
            role[scans.Index k] <- if large then Role.Outer else Role.Inner

        // a loop inside a loop of a kernel is inside that kernel
        let nestedInside k =
            scans.Carried k |> List.exists (fun i -> i <> scans.Index k && role[i] = Role.Inner)

        let mutable settled = false

        while not settled do
            settled <- true

            for k in 0 .. scans.Count - 1 do
                if role[scans.Index k] = Role.Outer && nestedInside k then
                    role[scans.Index k] <- Role.Inner
                    settled <- false

        for k in 0 .. scans.Count - 1 do
            if role[scans.Index k] = Role.Inner then
                for i in crossings[k] do
                    role[i] <- Role.Inner

        role

    /// The nesting order of the indices: what is carried stands around a loop, what it crosses inside it.
    let private ranks (scans: Scans) (crossings: Set<int>[]) : int[] =
        let pairs =
            [
                for k in 0 .. scans.Count - 1 do
                    for i in scans.Carried k do
                        if i <> scans.Index k && not (crossings[k].Contains i) then
                            yield i, scans.Index k

                    for i in crossings[k] do
                        yield scans.Index k, i
            ]

        let found = rank scans.Graph.Indices.Length pairs

        for a, b in pairs do
            if scans.Times.Contains a && scans.Times.Contains b && found[a] >= found[b] then
                let name i = $"\"{scans.Graph.Indices[i].Name}\""

                Fail.model
                    $"A loop over {name b} stands in each step of {name a}, and another the other way round."
                    "Give one of the loops an index of its own."

        found

    /// What varies with an outer loop and feeds its cycle, step by step. What it needs complete stands before the loop, and so
    /// does what other loops over the index compute.
    let private feeding (scans: Scans) k =
        let index = scans.Index k
        let edges = ScanCycles.sources scans.Graph scans.ScanOf index
        let others = scans.Together k |> Array.filter (fun j -> j <> k)

        let isStep n =
            Array.contains index scans.Graph.Nodes[n].Indices
            && not (others |> Array.exists (fun j -> scans.Cycles[j].Contains n))

        let steps = ScanCycles.reach scans.Cycles[k] (fun n -> edges n |> Seq.filter isStep)
        let before = ScanCycles.reach (steps |> Seq.collect edges |> Seq.filter (isStep >> not)) edges
        steps.ExceptWith before
        steps

    /// What belongs in each scan's own loop.
    let private units (scans: Scans) (role: Role[]) : HashSet<int>[] =
        let upstream =
            Array.init scans.Count (fun k -> if role[scans.Index k] = Role.Outer then feeding scans k else HashSet())

        let unit k =
            let all = HashSet<int>(upstream[k])

            // what feeds several loops over one index belongs to none of them
            for j in scans.Together k do
                if j <> k then
                    all.ExceptWith upstream[j]

            all.UnionWith scans.Cycles[k]

            // the end of a loop stands where the loop stands
            let isApart n =
                match scans.Graph.Nodes[n].Op with
                | Op.Final(s, _) when not (scans.Cycles[k].Contains n) ->
                    scans.Graph.Scans[scans.ScanOf s].Carries |> Array.forall (fun c -> c < 0 || not (all.Contains c))
                | _ -> false

            all.RemoveWhere isApart |> ignore
            all

        Array.init scans.Count unit

    let analyse (graph: Graph) (scanOf: Scan -> int) : Roles =
        let users = ScanCycles.users graph scanOf

        let scans =
            {
                Graph = graph
                ScanOf = scanOf
                Times = graph.Scans |> Array.map (fun s -> s.Index) |> Set.ofArray
                Cycles = ScanCycles.ofGraph graph scanOf users
            }

        let own = Array.init scans.Count scans.Crossed
        let crossings = crossings scans own
        let role = rolesOf scans own crossings
        let isParallel i = role[i] = Role.Parallel
        let lane = Lanes.order graph isParallel

        {
            Role = role
            Rank = ranks scans crossings
            Cycle = scans.Cycles
            Unit = units scans role
            Users = users
            Lane = lane
            Tile = Lanes.tiles graph isParallel lane
        }
