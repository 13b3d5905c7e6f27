module Inference.Dsl.Tests.MessagePassing.MessageExecutionTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

/// Players in matches: who won, who lost, and whether it was a draw.
let private tournament =
    let random = Random 7
    let players, matches = 23, 400
    let strength = Array.init players (fun k -> 20.0 + 10.0 * double k / double players)

    let games =
        [
            for _ in 1..matches do
                let a = random.Next players
                let b = (a + 1 + random.Next(players - 1)) % players
                let gap = strength[a] - strength[b] + 6.0 * (random.NextDouble() + random.NextDouble() - 1.0)

                if abs gap < 0.8 then a, b, 1.0
                elif gap > 0.0 then a, b, 0.0
                else b, a, 0.0
        ]

    players, games

let private program =
    let count, games = tournament
    let player, game = L.PlateIndex("player", count), L.PlateIndex("game", games.Length)
    let of' f = L.Unstack(whole [ for g in games -> f g ], game)

    prob {
        let! skill = L.Plate(player, L.Sample("skill", L.Normal(25.0, 8.0)))
        let skills = L.Stack(skill.Value, player)

        let! _ =
            L.Plate(
                game,
                prob {
                    let gap = L.Gather(skills, of' (fun (a, _, _) -> a)) - L.Gather(skills, of' (fun (_, b, _) -> b))
                    let! gap = L.Sample("gap", L.Normal(gap, 4.0))
                    let drawn = L.Less(0.5, L.Unstack(vector [ for _, _, d in games -> d ], game))
                    let result = L.Select(drawn, L.Less(L.Abs gap, scalar 0.8), L.Less(scalar 0.8, gap))
                    do! L.Factor(L.Select(result, 0.0, Build.scalar DType.F32 Double.NegativeInfinity))
                    return 0
                }
            )

        return skills
    }

let private answers =
    build "tournament" (fun b ->
        let found = ApproximatePosterior.propagate (ExpectationPropagation(Sweeps = 25, Damping = 0.2)) program
        let skill = found.Marginal "player/skill"
        b.Output("mean", skill.Mean)
        b.Output("variance", skill.Variance)
        b.Output("gap", (found.Marginal "game/gap").Mean)
        b.Output("evidence", found.LogEvidence)
        b.Output("residuals", found.Residuals)
        b.Output("improper", found.ImproperCount))

[<Fact>]
let ``A tournament compiles to the interpreter's answers, with the same bits on any number of threads`` () =
    let expected = interpret [] [] answers

    let runs =
        [
            for threads in [ 1; 2; 7 ] do
                use engine = new Engine(EngineOptions(Threads = threads, Cache = false))
                execute engine [] answers
        ]

    for other in runs.Tail do
        for KeyValue(name, values) in runs.Head do
            Assert.Equal<int64[]>(Array.map BitConverter.DoubleToInt64Bits values, Array.map BitConverter.DoubleToInt64Bits other[name])

    let near name tolerance =
        Array.iter2 (fun (a: double) (b: double) -> Assert.Equal(a, b, (tolerance: double))) expected[name] runs.Head[name]

    near "mean" 2e-3
    near "variance" 2e-3
    near "gap" 5e-3
    near "evidence" 0.05
    Assert.Equal(0.0, runs.Head["improper"][0])

    // the stronger half is ahead
    let mean = runs.Head["mean"]
    let count = mean.Length / 2
    Assert.True(Array.average mean[count..] > Array.average mean[.. count - 1] + 2.0)

    // what is left of the residual falls
    let residuals = runs.Head["residuals"]
    Assert.True(Array.last residuals < 0.1 * residuals[1])

/// Two groups of points in the plane.
let private groups =
    let random = Random 3

    let normal () =
        sqrt (-2.0 * log (random.NextDouble())) * cos (2.0 * Math.PI * random.NextDouble())

    [
        for n in 0..299 do
            let side = if n % 3 = 0 then 1000.0 else 1006.0
            side + normal ()
            0.5 * side + normal ()
    ]

let private mixture =
    let k, i = L.PlateIndex("component", 2), L.PlateIndex("i", 300)
    let seen = L.Unstack(tensor [ 300; 2 ] groups, i)

    let program =
        prob {
            let! weights = L.Sample("weights", L.Dirichlet(vector [ 1.0; 1.0 ]))
            let! mean = L.Plate(k, L.Sample("mean", L.Normal(vector [ 1000.0; 500.0 ], vector [ 10.0; 10.0 ])))
            let! precision = L.Plate(k, L.Sample("precision", L.Gamma(scalar 1.0, scalar 1.0)))
            let at (x: Plated<Tensor>) z = L.Gather(L.Stack(x.Value, k), z)

            return!
                L.Plate(
                    i,
                    prob {
                        let! z = L.Sample("z", L.Categorical(L.Log weights))
                        let deviation = L.Fill(1.0 / L.Sqrt(at precision z), 2)
                        do! L.Observe("y", L.Normal(at mean z, deviation), seen)
                        return z
                    }
                )
        }

    build "mixture" (fun b ->
        let found = ApproximatePosterior.passVariationally (VariationalMessagePassing(Sweeps = 40)) program
        b.Output("mean", (found.Marginal "component/mean").Mean)
        b.Output("precision", (found.Marginal "component/precision").Mean)
        b.Output("weights", (found.Marginal "weights").Mean)
        b.Output("z", (found.Marginal "i/z").Mean)
        b.Output("evidence", found.LogEvidence)
        b.Output("converged", found.Converged))

[<Fact>]
let ``A mixture far from 0 compiles to the interpreter's answers in single precision, with the same bits on any number of threads`` () =
    let expected = interpret [] [] mixture

    let runs =
        [
            for threads in [ 1; 2; 7 ] do
                use engine = new Engine(EngineOptions(Threads = threads, Cache = false))
                execute engine [] mixture
        ]

    for other in runs.Tail do
        for KeyValue(name, values) in runs.Head do
            Assert.Equal<int64[]>(Array.map BitConverter.DoubleToInt64Bits values, Array.map BitConverter.DoubleToInt64Bits other[name])

    for name, tolerance in [ "mean", 2e-2; "precision", 1e-2; "weights", 1e-3; "z", 2e-2; "evidence", 0.5 ] do
        Array.iter2 (fun (a: double) (b: double) -> Assert.Equal(a, b, (tolerance: double))) expected[name] runs.Head[name]

    Assert.Equal(1.0, runs.Head["converged"][0])
    let z = runs.Head["z"]
    let first = z[0]
    // every third point is of one group; the groups touch
    Assert.InRange(z |> Array.filter (fun p -> abs (p - first) < 0.5) |> Array.length, 98, 102)
    close [ 1.0 ] [| round runs.Head["precision"].[0] |]

[<Fact>]
let ``Evidence of data far from 0 keeps its digits in single precision`` () =
    let i = L.PlateIndex("i", 300)
    let data = [ for k in 0..299 -> 1000.0 + sin (double k) ]
    // one feature is 0: what is observed there is known without the site
    let features = [ for k in 0..299 -> if k = 7 then 0.0 else 1.0 ]

    let program =
        prob {
            let! m = L.Sample("m", L.Normal(1000.0, 10.0))
            let at x = L.Unstack(x, i)
            let! _ = L.Plate(i, L.Observe("y", L.Normal(m * at (vector features), scalar 1.0), at (vector data)))
            return m
        }

    let evidence =
        build "far" (fun b ->
            b.Output("ep", (ApproximatePosterior.propagate (ExpectationPropagation()) program).LogEvidence)
            b.Output("vmp", (ApproximatePosterior.passVariationally (VariationalMessagePassing()) program).LogEvidence))

    // one after another, each by what those before predict
    let expected, _, _ =
        List.zip data features
        |> List.fold
            (fun (sum, m, v) (y, c) ->
                let s = c * c * v + 1.0
                let gain = c * v / s
                let d = y - c * m
                sum - 0.5 * d * d / s - 0.5 * log (2.0 * Math.PI * s), m + gain * d, v * (1.0 - gain * c))
            (0.0, 1000.0, 100.0)

    use engine = new Engine(EngineOptions(Threads = 1, Cache = false))
    let single, precise = execute engine [] evidence, interpret [] [] evidence

    for name in [ "ep"; "vmp" ] do
        Assert.Equal(expected, precise[name].[0], 1e-6)
        Assert.Equal(expected, single[name].[0], 1e-5 * abs expected)
