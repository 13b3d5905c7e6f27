/// Models drawn at random, as programs and, worked out apart from them, as graphs over all plate values and steps.
module Inference.Dsl.Tests.Graphs.RandomModels

open System
open System.Collections.Generic
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Dsl.Tests.Evaluation

/// Says that a property holds for so many seeds of random models.
let holds count (property: Random -> bool) =
    let seeds = Arb.fromGen (Gen.choose (0, Int32.MaxValue))
    Check.One(Config.QuickThrowOnFailure.WithMaxTest count, Prop.forAll seeds (Random >> property))

/// A directed graph by the parents of each of its vertices.
type Dag = int[][]

/// A graph of so many vertices, each of which may read any before it.
let dag (random: Random) count density : Dag =
    Array.init count (fun v -> [| 0 .. v - 1 |] |> Array.filter (fun _ -> random.NextDouble() < density))

/// Disjoint sets: one vertex each for the first two.
let question (random: Random) count =
    let order = [| 0 .. count - 1 |]
    random.Shuffle order
    order[0], order[1], List.ofArray order[2 .. 1 + random.Next(0, count - 1)]

let private children (g: Dag) =
    Array.init g.Length (fun v ->
        [|
            for u in 0 .. g.Length - 1 do
                if Array.contains v g[u] then
                    u
        |])

/// All that is reached from some vertices.
let reach (next: int -> int[]) (from: int seq) =
    let seen, pending = HashSet<int>(), Stack<int>(from)

    while pending.Count > 0 do
        let v = pending.Pop()

        if seen.Add v then
            Array.iter pending.Push (next v)

    seen

/// d-separation by its definition: every trail, one after another, is tested for being blocked.
let separatedByTrails (g: Dag) (a: int) (b: int) (given: int list) : bool =
    let below = children g
    let leads v = reach (fun u -> below[u]) [ v ] |> Seq.exists (fun u -> List.contains u given)
    let reads v u = Array.contains u g[v]

    let rec isOpen (trail: int list) =
        match trail with
        | v :: _ when v = b -> true
        | v :: rest ->
            Seq.append g[v] below[v]
            |> Seq.distinct
            |> Seq.exists (fun u ->
                let passes =
                    match rest with
                    | [] -> true
                    | before :: _ when reads v before && reads v u -> leads v
                    | _ -> not (List.contains v given)

                passes && not (List.contains u trail) && isOpen (u :: trail))
        | [] -> false

    not (isOpen [ a ])

/// d-separation of sets by the moral graph of their ancestors (Lauritzen, Dawid, Larsen and Leimer, 1990).
let separatedByMoralGraph (g: Dag) (a: int list) (b: int list) (given: int list) : bool =
    let kept = reach (fun v -> g[v]) (a @ b @ given)
    let near = Array.init g.Length (fun _ -> HashSet<int>())

    for v in kept do
        for p in g[v] do
            near[v].Add p |> ignore
            near[p].Add v |> ignore

            for q in g[v] do
                near[p].Add q |> ignore

    let free v = not (List.contains v given)
    let reached = reach (fun v -> near[v] |> Seq.filter free |> Array.ofSeq) (List.filter free a)
    not (b |> List.exists reached.Contains)

/// A graph as a program: a site a vertex, named by its number.
let programOf (g: Dag) : Prob<unit> =
    let rec from v (values: Tensor list) =
        if v = g.Length then
            Prob.result ()
        else
            let mean = g[v] |> Seq.map (fun p -> values[p]) |> Seq.fold (+) (Build.scalar DType.F32 0.0)
            L.Sample($"x{v}", L.Normal(mean, L.Fill 1.0)) |> Prob.bind (fun x -> from (v + 1) (values @ [ x ]))

    from 0 []

/// Where a site of a random model stands.
type Place =
    | Outside
    | InPlate
    | InChain
    | InPlateAndChain

/// How a site reads an earlier one, or in a chain any of it.
type Reading =
    /// At its own plate value and step; all of it, summed, if it stands where the reader does not.
    | Here
    /// So many steps before; at the chain's start there is the start of the chain.
    | Steps of int
    /// All plate values, summed.
    | AllOfPlate

type SiteOf = { Place: Place; Reads: (int * Reading) list }

/// A model with one plate, and in it or beside it one chain: first the sites outside, then those in the plate, in the chain, in the chain
/// within the plate, and last those that come after all.
type Layout = { Before: int; Sites: SiteOf[]; PlateSize: int; Steps: int }

let private inPlate p = p = InPlate || p = InPlateAndChain
let private inChain p = p = InChain || p = InPlateAndChain

/// A layout at random. Chains read what chains have, one or two steps back or at the same step.
let layout (random: Random) : Layout =
    let places =
        [|
            yield! Array.create (random.Next(1, 3)) Outside
            yield! Array.create (random.Next(0, 3)) InPlate
            match random.Next 3 with
            | 0 -> yield! Array.create (random.Next(1, 3)) InChain
            | 1 -> yield! Array.create (random.Next(1, 4)) InPlateAndChain
            | _ -> ()
            yield! Array.create (random.Next(0, 2)) Outside
        |]

    let before = places |> Array.takeWhile (fun p -> p = Outside) |> Array.length

    let site v =
        let own = places[v]

        let candidates =
            [
                for u in 0 .. places.Length - 1 do
                    if u < v then
                        u, Here

                    if inChain own && places[u] = own then
                        u, Steps 1
                        u, Steps 2

                    if u < v && own = InPlate && places[u] = InPlate then
                        u, AllOfPlate
            ]

        {
            Place = own
            Reads = candidates |> List.filter (fun _ -> random.NextDouble() < 0.3)
        }

    {
        Before = before
        Sites = Array.init places.Length site
        PlateSize = random.Next(2, 5)
        Steps = random.Next(2, 6)
    }

let private sum (values: Tensor seq) = values |> Seq.fold (+) (Build.scalar DType.F32 0.0)
let private sampled name mean = L.Sample(name, L.Normal(mean, L.Fill 1.0))

/// Runs sites one after another; each has its mean from the values of those before.
let rec private inTurn (own: int list) (mean: Tensor[] -> int -> Tensor) (values: Tensor[]) : Prob<Tensor[]> =
    match own with
    | [] -> Prob.result values
    | v :: rest ->
        sampled $"x{v}" (mean values v)
        |> Prob.bind (fun x -> inTurn rest mean (Array.mapi (fun k y -> if k = v then x else y) values))

/// What the sites of a chain were one step ago, and two: a chain has at most three.
type private Past =
    {
        First: Tensor
        Second: Tensor
        Third: Tensor
        FirstBefore: Tensor
        SecondBefore: Tensor
        ThirdBefore: Tensor
    }

/// The program of a layout. What a chain reads of two steps ago it carries.
let programOfLayout (m: Layout) : Prob<unit> =
    let plate, time = L.PlateIndex("p", m.PlateSize), L.TimeIndex("t", m.Steps)

    let at place =
        [
            for v in 0 .. m.Sites.Length - 1 do
                if m.Sites[v].Place = place then
                    v
        ]

    let outsideBefore, outsideAfter = at Outside |> List.partition (fun v -> v < m.Before)

    let whole reader u (x: Tensor) =
        let gone =
            [
                if inPlate m.Sites[u].Place && not (inPlate reader) then
                    plate
                if inChain m.Sites[u].Place && not (inChain reader) then
                    time
            ]

        if gone.IsEmpty then x else Structure.sum [||] gone x

    let here (values: Tensor[]) v =
        m.Sites[v].Reads
        |> Seq.choose (fun (u, r) ->
            match r with
            | Here -> Some(whole m.Sites[v].Place u values[u])
            | AllOfPlate -> Some(L.SumOver(plate, values[u]))
            | Steps _ -> None)
        |> sum

    let chain place (values: Tensor[]) : Prob<Tensor[]> =
        match at place with
        | [] -> Prob.result values
        | own ->
            let zero = Build.scalar DType.F32 0.0

            let start =
                {
                    First = zero
                    Second = zero
                    Third = zero
                    FirstBefore = zero
                    SecondBefore = zero
                    ThirdBefore = zero
                }

            Prob.markov time start (fun carried ->
                let back v k =
                    match List.findIndex ((=) v) own, k with
                    | 0, 1 -> carried.First
                    | 1, 1 -> carried.Second
                    | _, 1 -> carried.Third
                    | 0, _ -> carried.FirstBefore
                    | 1, _ -> carried.SecondBefore
                    | _ -> carried.ThirdBefore

                let mean values v =
                    let past =
                        m.Sites[v].Reads
                        |> List.choose (fun (u, r) ->
                            match r with
                            | Steps k -> Some(back u k)
                            | Here
                            | AllOfPlate -> None)

                    here values v + sum past

                inTurn own mean values
                |> Prob.map (fun after ->
                    let now k =
                        own |> List.tryItem k |> Option.map (fun v -> after[v]) |> Option.defaultValue zero

                    {
                        First = now 0
                        Second = now 1
                        Third = now 2
                        FirstBefore = carried.First
                        SecondBefore = carried.Second
                        ThirdBefore = carried.Third
                    },
                    after))
            |> Prob.map snd

    prob {
        let! values = inTurn outsideBefore here (Array.create m.Sites.Length null)

        let! inside =
            Prob.plate
                plate
                (prob {
                    let! values = inTurn (at InPlate) here values
                    return! chain InPlateAndChain values
                })

        let! values = chain InChain inside.Value
        let! _ = inTurn outsideAfter here values
        return ()
    }

/// The vertex of a site at a plate value and a step, and the graph of them all.
let unrolled (m: Layout) : (int -> int -> int -> int) * Dag =
    let number = Dictionary<struct (int * int * int), int>()

    let variables =
        [|
            for v in 0 .. m.Sites.Length - 1 do
                for p in 0 .. (if inPlate m.Sites[v].Place then m.PlateSize - 1 else 0) do
                    for t in 0 .. (if inChain m.Sites[v].Place then m.Steps - 1 else 0) do
                        number[struct (v, p, t)] <- number.Count
                        v, p, t
        |]

    let all has own extent has' =
        if has && not has' then [ 0 .. extent - 1 ]
        elif has then [ own ]
        else [ 0 ]

    let parents (v, p, t) =
        [|
            for u, r in m.Sites[v].Reads do
                let mine, other = m.Sites[v].Place, m.Sites[u].Place

                match r with
                | Here ->
                    for q in all (inPlate other) p m.PlateSize (inPlate mine) do
                        for s in all (inChain other) t m.Steps (inChain mine) do
                            number[struct (u, q, s)]
                | Steps k ->
                    if t >= k then
                        number[struct (u, p, t - k)]
                | AllOfPlate ->
                    for q in 0 .. m.PlateSize - 1 do
                        number[struct (u, q, t)]
        |]

    (fun v p t -> number[struct (v, p, t)]), Array.map parents variables
