module Inference.Dsl.Tests.FiniteNetworkTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.FiniteNetworks
open Xunit

let private posterior net = FinitePosterior.ofProgram (program net)

/// The joint probabilities of some elements with the evidence, row-major.
let private table (net: Network) (all: (Map<Element, int> * double) list) (elements: Element list) : double[] =
    let counts = elements |> List.map (fun e -> net.Nodes[e.Node].Count)
    let found = Array.zeroCreate<double>(List.fold (*) 1 counts)

    for values, log in all do
        let cell = List.fold2 (fun c e n -> c * n + Map.find e values) 0 elements counts
        found[cell] <- found[cell] + exp log

    found

let private normalised (x: double[]) =
    let total = Array.sum x in x |> Array.map (fun p -> if total = 0.0 then 0.0 else p / total)

let private siteAt (net: Network) (e: Element) =
    let n = net.Nodes[e.Node]
    SiteAt(path n, (if n.IsInPlate then [| e.Place |] else [||]))

let private choose (random: Random) count (elements: Element list) = elements |> List.sortBy (fun _ -> random.Next()) |> List.truncate count

[<Fact>]
let ``Evidence and marginals of any network are sums over all values`` () =
    holdsFor 60 (fun net _ ->
        let all, found = assignments net, posterior net
        close [ log (all |> List.sumBy (snd >> exp)) ] (numbers found.LogEvidence)

        for k in 0 .. net.Nodes.Length - 1 do
            let n = net.Nodes[k]

            if n.Observed.IsNone then
                let expected =
                    [
                        for place in 0 .. places net n - 1 do
                            yield! normalised (table net all [ { Node = k; Place = place } ])
                    ]

                close expected (numbers (found.Marginal(path n))))

[<Fact>]
let ``Joint and conditional probabilities of any elements of a network are sums over all values`` () =
    let mutable impossible = 0

    holdsFor 60 (fun net random ->
        let all, found = assignments net, posterior net
        let asked = choose random 3 (latent net)
        let joint = table net all asked
        close (List.ofArray (normalised joint)) (numbers (found.Joint [| for e in asked -> siteAt net e |]))

        if asked.Length > 1 then
            let rows = joint |> Array.chunkBySize (joint.Length / net.Nodes[asked.Head.Node].Count)
            impossible <- impossible + (rows |> Array.filter (fun row -> Array.sum row = 0.0) |> Array.length)
            let given, others = [ siteAt net asked.Head ], asked.Tail |> List.map (siteAt net)
            close (rows |> Array.collect normalised |> List.ofArray) (numbers (found.Conditional(others, given))))

    // what is given may be impossible
    Assert.True(impossible > 0)

[<Fact>]
let ``The likeliest values of a network are those of the largest density`` () =
    holdsFor 60 (fun net _ ->
        let all, found = assignments net, posterior net
        let best = found.MostLikely

        let values =
            Map
                [
                    for e in latent net -> e, int (numbers (L.Convert(best.Value(path net.Nodes[e.Node]), DType.F32))).[e.Place]
                ]

        let largest = all |> List.map snd |> List.max
        Assert.Equal(largest, number found.LogMostLikely, 1e-9)
        Assert.Equal(largest, all |> List.find (fun (v, _) -> v = values) |> snd, 1e-9))

[<Fact>]
let ``Draws of a network come as often as they are probable`` () =
    let count = 4000

    holdsFor 8 (fun net random ->
        let all = assignments net
        let each = L.PlateIndex("repetition", count)

        let drawn, _ =
            Prob.draw (seed (double (random.Next 1000)) 0.0) (seed 0.0 0.0) [ each ] [] (posterior net).Sample

        let columns =
            build "draws" (fun b ->
                for n in net.Nodes do
                    if n.Observed.IsNone then
                        b.Output(path n, L.Stack(L.Convert(drawn.Value(path n), DType.F32), each)))
            |> interpret [] []

        let draws =
            Array.init count (fun k ->
                Map
                    [
                        for e in latent net ->
                            let n = net.Nodes[e.Node]
                            e, int (columns[path n]).[k * places net n + e.Place]
                    ])

        let total = all |> List.sumBy (snd >> exp)
        let counts = draws |> Array.countBy id |> Map.ofArray

        // each within what a count exceeds once in 10⁷ times; rare ones may come some more
        for values, log in all do
            let mean = double count * exp log / total
            let n = counts.TryFind values |> Option.defaultValue 0
            Assert.True(abs (double n - mean) <= 5.4 * sqrt mean + 3.0, $"{n} of {count} came; {mean} expected.")

            if log = Double.NegativeInfinity then
                Assert.Equal(0, n))

[<Fact>]
let ``A checked engine names the first observation that is impossible after those before it`` () =
    let mutable later = 0
    use engine = new Engine(EngineOptions(Threads = 1, Checked = true, Cache = false))

    holdsForContradictions 12 (fun net ->
        let observed =
            [
                for k in 0 .. net.Nodes.Length - 1 do
                    if net.Nodes[k].Observed.IsSome then
                        k
            ]

        let first = observed |> List.find (fun k -> not (isPossible (assignmentsWith (fun j -> j <= k) net)))
        later <- later + (if first > observed.Head then 1 else 0)
        let evidence = build "evidence" (fun b -> b.Output("evidence", (posterior net).LogEvidence))
        Assert.Equal(Double.NegativeInfinity, (interpret [] [] evidence).["evidence"].[0])
        let failure = Assert.Throws<CheckFailedException>(fun () -> execute engine [] evidence |> ignore)
        Assert.Contains($"The site \"{path net.Nodes[first]}\" needs to be possible", failure.Message))

    Assert.True(later > 2)

[<Fact>]
let ``A posterior's graph grows with the observations, and not with their square`` () =
    let nodes count =
        let model =
            prob {
                let! k = L.Sample("k", L.Categorical(vector [ 0.1; 0.2; 0.3 ]))
                let odds = L.Convert(k, DType.F32)

                let rec see n =
                    prob {
                        if n > 0 then
                            do! L.Observe($"y{n}", L.Bernoulli(logits = odds - 0.1 * double n), scalar 1.0)
                            return! see (n - 1)
                    }

                return! see count
            }

        (Traverse.postOrder [ (FinitePosterior.ofProgram model).LogEvidence ]).Length

    Assert.InRange(double (nodes 80 - nodes 40) / double (nodes 40 - nodes 20), 1.9, 2.1)
