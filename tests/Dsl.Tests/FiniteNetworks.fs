/// Random networks of finite sites: any directed acyclic graph, of any cardinalities, some of its sites in a plate, some observed. Probabilities are
/// summed in doubles over all values, by loops of this file's own.
module Inference.Dsl.Tests.FiniteNetworks

open System
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Dsl.Tests.Evaluation

type Node =
    {
        Name: string
        Count: int
        IsInPlate: bool
        /// Nodes before it; those of a plate are of the same place.
        Parents: int list
        /// A row for each value of the parents together, the last one's varying fastest.
        Logits: double[][]
        /// At each place of the plate, or at one.
        Observed: int[] option
    }

type Network = { Places: int; Nodes: Node[] }

/// A site at a place; 0 where it stands in no plate.
type Element = { Node: int; Place: int }

let path (n: Node) = if n.IsInPlate then "i/" + n.Name else n.Name

let places (net: Network) (n: Node) = if n.IsInPlate then net.Places else 1

/// One value in so many is impossible.
let private draw (impossible: int) (random: Random) : Network =
    let places = random.Next(1, 4)
    let globals, inPlate = random.Next(1, 5), random.Next(0, 4)
    let counts = Array.init (globals + inPlate) (fun _ -> random.Next(2, 5))

    let node k =
        let parents =
            [
                for j in 0 .. k - 1 do
                    if random.NextDouble() < 0.5 then
                        j
            ]

        let rows = parents |> List.fold (fun n j -> n * counts[j]) 1
        let isInPlate = k >= globals
        // what is impossible stays so
        let logit () =
            if random.Next impossible = 0 then
                Double.NegativeInfinity
            else
                3.0 * random.NextDouble()

        let row () = Array.init counts[k] (fun v -> if v = 0 then 0.5 else logit ())

        {
            Name = $"n{k}"
            Count = counts[k]
            IsInPlate = isInPlate
            Parents = parents
            Logits = Array.init rows (fun _ -> row ())
            Observed =
                if k > 0 && random.Next 3 = 0 then
                    // the first value is always possible
                    Some(Array.init (if isInPlate then places else 1) (fun _ -> if random.Next 2 = 0 then 0 else random.Next counts[k]))
                else
                    None
        }

    { Places = places; Nodes = Array.init counts.Length node }

let latent (net: Network) : Element list =
    [
        for k in 0 .. net.Nodes.Length - 1 do
            if net.Nodes[k].Observed.IsNone then
                for place in 0 .. places net net.Nodes[k] - 1 -> { Node = k; Place = place }
    ]

/// All values of the latent sites at all places together, with the logarithm of their density with what is observed at some nodes.
let assignmentsWith (isCounted: int -> bool) (net: Network) : (Map<Element, int> * double) list =
    let normalised (row: double[]) =
        let total = log (Array.sumBy exp row)
        row |> Array.map (fun x -> x - total)

    let tables = net.Nodes |> Array.map (fun n -> n.Logits |> Array.map normalised)

    let score (values: Map<Element, int>) =
        let at k place =
            let n = net.Nodes[k]
            let place = if n.IsInPlate then place else 0

            match n.Observed with
            | Some seen -> seen[place]
            | None -> values[{ Node = k; Place = place }]

        Seq.sum (
            seq {
                for k in 0 .. net.Nodes.Length - 1 do
                    for place in
                        0 .. (if net.Nodes[k].Observed.IsNone || isCounted k then
                                  places net net.Nodes[k]
                              else
                                  0)
                             - 1 do
                        let row = net.Nodes[k].Parents |> List.fold (fun r j -> r * net.Nodes[j].Count + at j place) 0
                        tables[k].[row].[at k place]
            }
        )

    let rec all (elements: Element list) (values: Map<Element, int>) =
        match elements with
        | [] -> [ values, score values ]
        | e :: rest ->
            [
                for v in 0 .. net.Nodes[e.Node].Count - 1 do
                    yield! all rest (Map.add e v values)
            ]

    all (latent net) Map.empty

let assignments net = assignmentsWith (fun _ -> true) net

let isPossible (all: (Map<Element, int> * double) list) = all |> List.exists (fun (_, p) -> p > Double.NegativeInfinity)

let private sizeOf (net: Network) = latent net |> List.fold (fun n e -> n * double net.Nodes[e.Node].Count) 1.0

/// The network as a program.
let program (net: Network) : Prob<unit> =
    let plate = L.PlateIndex("i", net.Places)

    let site (values: Tensor list) (n: Node) : Prob<Tensor> =
        let row =
            n.Parents
            |> List.fold
                (fun (r: Tensor) j -> r * Build.scalar DType.I32 (double net.Nodes[j].Count) + values[j])
                (Build.scalar DType.I32 0.0)

        let table = L.Constant(Array.concat n.Logits, n.Logits.Length, n.Count)
        let d = L.Categorical(L.Gather(table, row))

        match n.Observed with
        | None -> L.Sample(n.Name, d)
        | Some seen ->
            let all = L.Convert(vector (List.ofArray (Array.map double seen)), DType.I32)
            let value = if n.IsInPlate then L.Unstack(all, plate) else Shapes.at 0 0 all
            L.Observe(n.Name, d, value) |> Prob.map (fun _ -> value)

    let rec chain values (nodes: Node list) : Prob<Tensor list> =
        match nodes with
        | [] -> Prob.result values
        | n :: rest -> prob { let! x = site values n in return! chain (values @ [ x ]) rest }

    let inPlate, globals = net.Nodes |> List.ofArray |> List.partition (fun n -> n.IsInPlate)

    prob {
        let! values = chain [] globals

        if not inPlate.IsEmpty then
            let! _ = L.Plate(plate, chain values inPlate |> Prob.map ignore)
            return ()
    }

/// Networks of at most some thousands of assignments, and one more source of choices.
let private networks impossible (isWanted: Network -> bool) : Arbitrary<Network * int> =
    Gen.choose (0, 1_000_000)
    |> Gen.map (fun seed ->
        let random = Random seed

        let rec suitable () =
            let net = draw impossible random
            let size = sizeOf net
            if size > 1.0 && size <= 4000.0 && isWanted net then net else suitable ()

        suitable (), random.Next())
    |> Arb.fromGen

let private check count networks (property: Network -> Random -> unit) =
    Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(Some { Rnd = Rnd(17UL, 5UL); Size = None }),
        Prop.forAll networks (fun (net, seed) -> property net (Random seed))
    )

/// Holds for some number of random networks whose observations are possible.
let holdsFor count property = check count (networks 12 (assignments >> isPossible)) property

/// Holds for some number of random networks whose observations contradict each other, or what sites may be.
let holdsForContradictions count property =
    check count (networks 3 (assignments >> isPossible >> not)) (fun net _ -> property net)
