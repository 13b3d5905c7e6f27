module Inference.Dsl.Tests.FinitePosteriorTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.ExactBounds
open Inference.Dsl.Tests.ChainModels
open Xunit

/// All assignments of a model: the logarithm of the joint density of each, and the values of each site, over its plates and steps in a row.
type private Enumerated = { Log: double[]; Values: Map<string, double[][]> }

let private enumerate (d: Described) : Enumerated =
    let all = gridOf d

    let values (path, indices: FreeIndex list, _) =
        let own = List.foldBack (fun (i: FreeIndex) x -> L.Stack(x, i)) (all.Index :: indices) all.Values[path]
        let places = indices |> List.fold (fun n i -> n * i.Capacity) 1
        path, numbers (L.Convert(own, DType.F32)) |> Array.chunkBySize places

    {
        Log = numbers (L.Stack(logJoint all d.Model, all.Index))
        Values = Map(List.map values d.Sites)
    }

let private probabilities (e: Enumerated) =
    let largest = Array.max e.Log
    let weights = e.Log |> Array.map (fun x -> exp (x - largest))
    let total = Array.sum weights
    weights |> Array.map (fun w -> w / total)

/// The probabilities of the values of some elements, row-major, by brute force.
let private table (e: Enumerated) (elements: (string * int * int) list) : double[] =
    let size = elements |> List.fold (fun n (_, _, count) -> n * count) 1
    let found = Array.zeroCreate size

    probabilities e
    |> Array.iteri (fun k p ->
        let cell =
            elements |> List.fold (fun c (path, place, count) -> c * count + int e.Values[path].[k].[place]) 0

        found[cell] <- found[cell] + p)

    found

let private posterior (d: Described) = FinitePosterior.ofProgram d.Model
let private theta = scalar 0.9

/// Some elements of sites, drawn by a seed: each with its place as one number and as positions.
let private elements (m: ChainModel) (d: Described) count =
    let random = Random(int (100.0 * m.Salt))

    [
        for _ in 1..count ->
            let path, indices, values = d.Sites[random.Next d.Sites.Length]
            let positions = indices |> List.map (fun i -> random.Next i.Capacity)
            let place = List.fold2 (fun n (i: FreeIndex) p -> n * i.Capacity + p) 0 indices positions
            (path, place, values), SiteAt(path, Array.ofList positions)
    ]
    |> List.distinctBy fst

[<Fact>]
let ``Evidence and marginals are those of all assignments`` () =
    holdsFor 40 (fun m ->
        let d = describe theta m
        let e, found = enumerate d, posterior d
        Assert.Equal(number (logEvidence (gridOf d) d.Model), number found.LogEvidence, 1e-9)

        for path, indices, count in d.Sites do
            let places = indices |> List.fold (fun n i -> n * i.Capacity) 1

            let expected =
                [
                    for place in 0 .. places - 1 do
                        yield! table e [ path, place, count ]
                ]

            close expected (numbers (found.Marginal path)))

[<Fact>]
let ``Joint and conditional probabilities of any elements are those of all assignments`` () =
    holdsFor 40 (fun m ->
        let d = describe theta m
        let e, found = enumerate d, posterior d
        let asked = elements m d 3
        let joint = table e (List.map fst asked)
        close (List.ofArray joint) (numbers (found.Joint [| for _, q in asked -> q |]))

        if asked.Length > 1 then
            let given, others = [ asked.Head ], asked.Tail
            let rows = joint |> Array.chunkBySize (joint.Length / (asked.Head |> fun ((_, _, count), _) -> count))
            let expected = rows |> Array.collect (fun row -> row |> Array.map (fun p -> p / Array.sum row))
            let at = Seq.map (fun (_, q: SiteAt) -> q)
            close (List.ofArray expected) (numbers (found.Conditional(at others, at given))))

/// Whether an assignment is one of the likeliest.
let private placeOf (e: Enumerated) (values: Map<string, double[]>) =
    Seq.init e.Log.Length id
    |> Seq.find (fun k -> values |> Map.forall (fun path v -> e.Values[path].[k] = v))

[<Fact>]
let ``The most likely assignment is that of all assignments`` () =
    holdsFor 40 (fun m ->
        let d = describe theta m
        let e, found = enumerate d, posterior d
        let best = found.MostLikely
        let values = Map [ for path, _, _ in d.Sites -> path, numbers (L.Convert(best.Value path, DType.F32)) ]
        Assert.Equal(Array.max e.Log, number found.LogMostLikely, 1e-9)
        Assert.Equal(Array.max e.Log, e.Log[placeOf e values], 1e-9))

let private small =
    {
        Steps = 3
        States = 2
        Order = 2
        Others = 0
        IsCoupled = false
        Locals = 2
        Globals = 2
        Placement = Alone
        IsEndSeen = true
        Salt = 1.7
    }

[<Fact>]
let ``Draws come as often as their assignments are probable`` () =
    let count = 8000

    for m in
        [
            small
            { small with Order = 1; Others = 2; IsCoupled = true; Locals = 0; Globals = 0 }
            { small with Steps = 2; Order = 1; Locals = 0; Placement = InPlate }
            { small with Steps = 2; Order = 1; Globals = 0; Placement = AroundPlate }
        ] do
        let d = describe theta m
        let e = enumerate d
        let each = L.PlateIndex("repetition", count)
        let drawn, _ = Prob.draw (seed 5.0 0.0) (seed 0.0 0.0) [ each ] [] (posterior d).Sample

        let values =
            let program =
                build "draws" (fun b ->
                    for path, _, _ in d.Sites do
                        b.Output(path, L.Stack(L.Convert(drawn.Value path, DType.F32), each)))

            let all = interpret [] [] program
            Map [ for path, _, _ in d.Sites -> path, all[path] |> Array.chunkBySize e.Values[path].[0].Length ]

        let key (rows: Map<string, double[][]>) k = [ for KeyValue(path, all) in rows -> path, List.ofArray all[k] ]
        let expected = Seq.zip (Seq.init e.Log.Length (key e.Values)) (probabilities e) |> Map.ofSeq
        let counts = Seq.init count (key values) |> Seq.countBy id |> Map.ofSeq

        // each within what a count exceeds once in 10⁷ times
        for KeyValue(assignment, p) in expected do
            let n = counts.TryFind assignment |> Option.defaultValue 0
            let mean = double count * p
            Assert.True(abs (double n - mean) <= 5.4 * sqrt (mean * (1.0 - p)) + 3.0, $"{n} of {count} came; {mean} expected.")

        Assert.True(counts.Keys |> Seq.forall expected.ContainsKey)

[<Fact>]
let ``What is filtered is what is smoothed in the chain up to its step, of any site of a step`` () =
    let mutable locals = 0

    holdsFor 60 (fun m ->
        let m = { m with Globals = 0 }
        let d = describe theta m
        let plates = if m.Placement = Alone then 1 else 2

        for path, _, count in d.Sites do
            let found = numbers ((posterior d).Filtered path)

            let at (values: double[]) steps plate step =
                values[(plate * steps + step) * count .. (plate * steps + step) * count + count - 1]

            for step in 0 .. m.Steps - 1 do
                let short = { m with Steps = step + 1; IsEndSeen = false }
                let expected = numbers ((posterior (describe theta short)).Marginal path)

                if path.EndsWith "c" then
                    locals <- locals + 1

                for plate in 0 .. plates - 1 do
                    close (List.ofArray (at expected short.Steps plate step)) (at found m.Steps plate step))

    Assert.InRange(locals, 25, 1000)

/// A chain that several sites of each step stand beside, in a plate of their own, one drawn from the other.
[<Fact>]
let ``Sites of plates in the steps of a chain are filtered each by itself`` () =
    let steps, each = 4, L.PlateIndex("i", 2)
    let seen = tensor [ 4; 2 ] [ 0.3; 1.4; -0.2; 0.9; 1.8; 0.1; 0.6; 1.1 ]

    let model count =
        let time = L.TimeIndex("t", count)

        L.Markov(
            time,
            L.Fill(0.0),
            fun before ->
                prob {
                    let! a = L.Sample("a", L.Bernoulli(logits = 1.2 * before - 0.4))

                    let! _ =
                        L.Plate(
                            each,
                            prob {
                                let! c = L.Sample("c", L.Bernoulli(logits = 0.9 * a - 0.3))
                                let! d = L.Sample("d", L.Bernoulli(logits = 1.1 * c - 0.5))

                                let y =
                                    L.Unstack(L.Unstack(L.Constant(Array.truncate (2 * count) (numbers seen), count, 2), time), each)

                                do! L.Observe("y", L.Normal(d + 0.5 * c, 0.6), y)
                            }
                        )

                    return a
                }
        )

    let all = FinitePosterior.ofProgram (model steps)

    for path, width in [ "t/a", 2; "t/i/c", 4; "t/i/d", 4 ] do
        let found = all.Filtered path
        // plates are the first axes, then steps
        let step k (x: Tensor) = numbers (Shapes.part (if width = 2 then 0 else 1) k (k + 1) x)

        for k in 0 .. steps - 1 do
            let expected = (FinitePosterior.ofProgram (model (k + 1))).Marginal path
            close (List.ofArray (step k expected)) (step k found)

let private nears (expected: double list) (x: Tensor) =
    for e, v in Seq.zip expected (numbers x) do
        Assert.Equal(e, v, 6e-7)

[<Fact>]
let ``The umbrella world is filtered and smoothed as is known`` () =
    let found = FinitePosterior.ofProgram (Umbrella.world (vector [ 1.0; 1.0 ]))
    nears [ 0.181818; 0.818182; 0.116643; 0.883357 ] (found.Filtered "day/rain")
    nears [ 0.116643; 0.883357; 0.116643; 0.883357 ] (found.Marginal "day/rain")
    nears [ -1.045546 ] found.LogEvidence
    // the likeliest path of five days (14.2.3): rain on all but the third
    let week = FinitePosterior.ofProgram (Umbrella.world (vector [ 1.0; 1.0; 0.0; 1.0; 1.0 ]))
    close [ 1.0; 1.0; 0.0; 1.0; 1.0 ] (numbers (week.MostLikely.Value "day/rain"))

[<Fact>]
let ``A burglary is as probable as is known when both neighbours call`` () =
    // Russell and Norvig, Artificial Intelligence, 13.2 and 13.3
    let flip name p = L.Sample(name, L.Bernoulli(probability = p))

    let alarm =
        prob {
            let! burglary = flip "burglary" (scalar 0.001)
            let! earthquake = flip "earthquake" (scalar 0.002)

            let of' b e =
                L.Select(L.Less(b, 0.5), L.Select(L.Less(e, 0.5), 0.001, 0.29), L.Select(L.Less(e, 0.5), 0.94, 0.95))

            let! alarm = flip "alarm" (of' burglary earthquake)
            let! _ = flip "john" (L.Select(L.Less(alarm, 0.5), 0.05, 0.90))
            let! _ = flip "mary" (L.Select(L.Less(alarm, 0.5), 0.01, 0.70))
            return ()
        }

    let given = alarm |> Handle.condition (readOnlyDict [ "john", scalar 1.0; "mary", scalar 1.0 ])
    let p = (numbers ((FinitePosterior.ofProgram given).Marginal "burglary"))[1]
    Assert.Equal(0.284172, p, 1e-6)
    let all = FinitePosterior.ofProgram alarm
    let table = numbers (all.Conditional([ SiteAt "burglary" ], [ SiteAt "john"; SiteAt "mary" ]))
    Assert.Equal(p, table[7], 1e-9)

[<Fact>]
let ``Derivatives of posterior probabilities equal differences`` () =
    holdsFor 4 (fun m ->
        Differences.agrees [ Differences.scalarOf 0.7 ] (fun x ->
            let d = describe x[0] m
            let path, _, _ = d.Sites.Head
            let p = (posterior d).Marginal path
            L.Sum(L.Reshape(p * p, p.Count))))

[<Fact>]
let ``Compiled posteriors have the same bits for any number of threads, and agree with the interpreter`` () =
    let m =
        { small with
            Steps = 6
            States = 3
            Order = 1
            Locals = 2
            Globals = 0
            Placement = InPlate
        }

    let d = describe (Parameter.create "theta" [||] (Initializer.Constant 0.8)) m

    let program =
        build "posterior" (fun b ->
            let found = posterior d
            b.Output("evidence", found.LogEvidence)
            b.Output("smoothed", found.Marginal "i/t/a")
            b.Output("filtered", found.Filtered "i/t/a")
            b.Output("joint", found.Joint(SiteAt("i/t/a", 1, 2), SiteAt("i/t/c", 0, 3)))
            b.Output("path", L.Convert(found.MostLikely.Value "i/t/a", DType.F32))
            let drawn, _ = draw 3.0 0.0 found.Sample
            b.Output("drawn", L.Convert(drawn.Value "i/t/c", DType.F32)))

    let expected = interpret [] [] program

    let found =
        [
            for threads in [ 1; 2; 7 ] ->
                use engine = new Engine(EngineOptions(Threads = threads, Cache = false))
                execute engine [] program
        ]

    for KeyValue(output, values) in expected do
        for other in found do
            Assert.Equal<double[]>(found.Head[output], other[output])

        for e, v in Seq.zip values found.Head[output] do
            Assert.True(abs (e - v) <= 1e-4 * (1.0 + abs e), $"{output}: {e} expected; {v} came.")

[<Fact>]
let ``The derivation names formula, order and the size of each table`` () =
    let day = L.TimeIndex("day", 5)

    let world =
        prob {
            let! climate = L.Sample("climate", L.Categorical(logits = L.Zeros 3))

            let! _ =
                Prob.markov day (L.Fill -1.0) (fun before ->
                    prob {
                        let wet = 0.2 * L.Convert(climate, DType.F32)
                        let p = L.Select(L.Less(before, 0.0), 0.5, 0.3 + 0.2 * before + wet)
                        let! rain = L.Sample("rain", L.Bernoulli(probability = p))
                        do! L.Observe("umbrella", L.Bernoulli(probability = 0.2 + 0.7 * rain), scalar 1.0)
                        return rain, ()
                    })

            return ()
        }

    let text = (FinitePosterior.ofProgram world).Explain()
    Assert.StartsWith("log p(observed) = log Σ_climate exp(", text)
    let chain = text.IndexOf "1. \"day/rain\": a message along \"day\", 5 steps"
    Assert.True(chain > 0, text)
    // climate × rain × rain of the day before
    Assert.Contains(": 12 numbers", text[chain..])
    Assert.Contains("2. \"climate\": log Σ over its 3 values in a table over \"climate\": 3 numbers", text[chain..])
