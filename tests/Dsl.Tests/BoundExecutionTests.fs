module Inference.Dsl.Tests.BoundExecutionTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

let private estimating (o: Objective) (sites: (string * Estimator) list) =
    for site, e in sites do
        o.Estimators[site] <- e

    o

let private parameter name (value: double) = Parameter.create name [||] (Initializer.Constant value)

/// Bounds with two parameters each, of data in plates and chains.
let private bounds: (string * (Tensor -> Tensor -> Prob<EvidenceBound>)) list =
    let i, t = L.PlateIndex("i", 3000), L.TimeIndex("t", 7)
    let data = 2.0 * L.Sin(0.01 * L.Convert(L.Position i, DType.F32))
    let seen = L.Unstack(L.Constant [| 0.3; 1.2; 0.7; -0.4; 0.1; 2.0; 1.1 |], t)

    [
        "plate",
        fun a b ->
            EvidenceBound.derive
                (Objective.Elbo 3)
                (L.Plate(
                    i,
                    prob {
                        let! z = L.Sample("z", L.Normal(0.0, 1.0))
                        do! L.Observe("x", L.Normal(a * z, 0.5), data)
                    }
                ))
                (L.Plate(i, L.Sample("z", L.Normal(b * data, L.Exp(a - 1.0)))))
        "scores",
        fun a b ->
            EvidenceBound.derive
                (estimating (Objective.ImportanceWeighted 4) [ "i/k", Estimator.Score Baseline.LeaveOneOut ])
                (L.Plate(
                    i,
                    prob {
                        let! k = L.Sample("k", L.Bernoulli(logits = a))
                        do! L.Observe("x", L.Normal(k, 0.5), data)
                    }
                 )
                 // fewer data count, so that the weights stay even
                 |> Handle.scale (L.Fill(1e-3)))
                (L.Plate(i, L.Sample("k", L.Bernoulli(logits = b * data))))
        "mixture",
        fun a b ->
            EvidenceBound.derive
                (estimating (Objective.Elbo()) [ "i/k", Estimator.Enumerated ])
                (L.Plate(
                    i,
                    prob {
                        let! k = L.Sample("k", L.Categorical(L.Pack(a, b, L.Zeros())))
                        let! z = L.Sample("z", L.Normal(L.Gather(L.Pack(a, -a, b), k), 0.7))
                        do! L.Observe("x", L.Normal(z, 0.4), data)
                    }
                ))
                (L.Plate(i, L.Sample("z", L.Normal(data - a, L.Exp b))))
        "chain",
        fun a b ->
            let walk (from: Tensor) (site: Tensor -> Distribution) (see: Tensor -> Prob<unit>) =
                L.Markov(
                    t,
                    from,
                    fun s ->
                        prob {
                            let! z = L.Sample("z", site s)
                            do! see z
                            return z
                        }
                )

            EvidenceBound.derive
                (Objective(Samples = 50, FreeNats = 0.01))
                (walk (L.Zeros()) (fun s -> L.Normal(a * s, 1.0)) (fun z -> L.Observe("x", L.Normal(z, 0.5), seen)))
                (walk (L.Zeros()) (fun s -> L.Normal(b * s + 0.3 * seen, 0.6)) (fun _ -> Prob.result ()))
    ]

let private program name (bound: Tensor -> Tensor -> Prob<EvidenceBound>) =
    build name (fun builder ->
        let a, b = parameter "a" 0.8, parameter "b" -0.4
        let found, _ = draw 2.0 0.0 (bound a b)
        builder.Output("value", found.Value)

        for k, g in Seq.indexed (Calculus.gradient found.Value [| a; b |]) do
            builder.Output($"gradient {k}", g))

[<Fact>]
let ``A compiled bound has the same bits on one thread and two, and agrees with the interpreter`` () =
    use one = new Engine(EngineOptions(Threads = 1, Cache = false))
    use two = new Engine(EngineOptions(Threads = 2, Cache = false))

    for name, bound in bounds do
        let program = program name bound
        let expected = interpret [] [] program
        let single, double = execute one [] program, execute two [] program

        for KeyValue(output, values) in expected do
            Assert.Equal<double[]>(single[output], double[output])

            for e, v in Seq.zip values single[output] do
                Assert.True(abs (e - v) <= 2e-4 * (1.0 + abs e), $"{name}, {output}: {e} expected; {v} came.")

/// The states and metrics of a learner, as many as are scalars or of a few numbers, after each of some steps on one batch of rows.
let private stepsOf rows count (learner: Learner<Tensor>) (batch: double[]) total : Map<string, double[]>[] =
    let program = (learner.Program(LearnerMode.Learn, rows, 0UL)).Program
    use engine = new Engine(EngineOptions(Threads = 1, Cache = false))
    use executable = engine.Compile program

    let set name (values: double[]) =
        if program.Inputs |> Array.exists (fun (slot, _) -> slot.Name = name) then
            executable.SetInput(executable.IndexOfInput name, ReadOnlySpan<double> values)

    [|
        for step in 0 .. count - 1 do
            set (Learner<Tensor>.Field learner.Batch.Leaves[0]) batch
            set "seed" [| 3.0; 0.0 |]
            set "step" [| double step; 0.0 |]
            set "total" [| total |]
            executable.Run()

            Map
                [
                    for k in 0 .. executable.Outputs.Count - 1 do
                        executable.Outputs[k].Slot.Name, [| double (executable.Output(k)[0]) |]
                    for k in 0 .. executable.States.Count - 1 do
                        if executable.States[k].Name <> "optimizer.step" then
                            executable.States[k].Name, executable.State(k).ToArray() |> Array.map double
                ]
    |]

let private steps count learner (batch: double[]) total : Map<string, double>[] =
    stepsOf batch.Length count learner batch total |> Array.map (Map.map (fun _ values -> values[0]))

let private average name (found: Map<string, double>[]) = found |> Array.averageBy (fun m -> m[name])

[<Fact>]
let ``A learner that goes up a bound by scores improves, and moves its baseline beside the optimiser`` () =
    let batch = [| -1.1; -0.9; 1.2; 0.8; 1.0; 1.1; 0.9; -1.0 |]

    let learner baseline =
        let width, slope = parameter "width" 0.5, parameter "slope" 0.0

        Learner.maximise (Record.space<Tensor>()) "signs" (Sgd(0.05)) (fun (x: Tensor) ->
            let model =
                prob {
                    let! k = L.Sample("k", L.Bernoulli(logits = L.Fill(0.0)))
                    do! L.Observe("x", L.Normal(width * (2.0 * k - 1.0), 0.5), x)
                }

            let guide = L.Sample("k", L.Bernoulli(logits = slope * x))
            EvidenceBound.derive (estimating (Objective.Elbo 4) [ "k", Estimator.Score baseline ]) model guide)

    let moving = steps 300 (learner (Baseline.MovingAverage 0.9)) batch 8.0
    let early, late = average "loss" moving[..19], average "loss" moving[280..]
    Assert.True(late < early - 0.5, $"{early}, then {late}")
    Assert.True(moving[299].["slope"] > 1.0)
    // the first return times 1 − decay; then the level of the bound, which is its return but for the prior's part
    let returned = moving[0].["baseline.k"] / 0.1
    Assert.InRange(returned, -20.0, -0.1)
    Assert.Equal(0.9 * moving[0].["baseline.k"], moving[1].["baseline.k"] - 0.1 * (moving[1].["log p(x)"]), 1e-3)

    let prediction = parameter "prediction" 0.0
    let learned = steps 300 (learner (Baseline.Learned prediction)) batch 8.0
    let early, late = average "loss" learned[..19], average "loss" learned[280..]
    Assert.True(late < early - 0.5, $"{early}, then {late}")
    // the mean of the returns minimises the squared error
    Assert.InRange(learned[299].["prediction"] - average "log p(x)" learned[250..], -0.3, 0.3)

[<Fact>]
let ``A hidden Markov model is learnt through the sum along its chain`` () =
    let rows, length = 100, 15
    let random = Random 4
    let stay, centre = [| 0.9; 0.75 |], [| -1.0; 1.5 |]

    let normal () =
        sqrt (-2.0 * log (1.0 - random.NextDouble())) * cos (2.0 * Math.PI * random.NextDouble())

    let sequence _ =
        Seq.unfold
            (fun s ->
                let next = if random.NextDouble() < stay[s] then s else 1 - s
                Some(centre[next] + 0.5 * normal (), next))
            0
        |> Seq.take length
        |> Array.ofSeq

    let batch = Array.collect sequence [| 1..rows |]

    let learner =
        let leave = Parameter.create "leave" [| 2 |] (Initializer.Constant 0.0)
        let low, high = parameter "low" -0.2, parameter "high" 0.2

        Learner.maximise (L.Input("y", length)).Space "hidden" (Adam(0.05)) (fun (y: Tensor) ->
            let t = L.TimeIndex("t", length)

            let model =
                L.Markov(
                    t,
                    L.Zeros(),
                    fun s ->
                        prob {
                            // the log-odds of the second state
                            let odds = L.Select(L.Less(s, 0.5), L.Element(leave, 0), -(L.Element(leave, 1)))
                            let! s = L.Sample("s", L.Bernoulli(logits = odds))
                            do! L.Observe("y", L.Normal(low + s * (high - low), 0.5), L.Unstack(y, t))
                            return s
                        }
                )

            EvidenceBound.derive (estimating (Objective.Elbo()) [ "t/s", Estimator.Enumerated ]) model (Prob.result ()))

    let last = stepsOf rows 400 learner batch (double rows) |> Array.last
    let stays = last["leave"] |> Array.map (fun x -> 1.0 / (1.0 + exp x))

    for k in 0..1 do
        Assert.Equal(stay[k], stays[k], 0.05)

    Assert.Equal(centre[0], last["low"].[0], 0.06)
    Assert.Equal(centre[1], last["high"].[0], 0.06)

[<Fact>]
let ``A learner of what is drawn once weighs each batch as all data`` () =
    let batch = [| 0.5; 1.5; -0.5; 1.0 |]

    let learner =
        let location, scale = parameter "location" 0.0, parameter "scale" 0.0

        Learner.maximiseAll (Record.space<Tensor>()) "mean" (Sgd(0.02)) (fun context (x: Tensor) ->
            let model =
                prob {
                    let! mean = L.Sample("mean", L.Normal(0.0, 1.0))
                    let! _ = context.Plate(L.Observe("x", L.Normal(mean, 1.0), x))
                    return ()
                }

            EvidenceBound.derive (Objective.Elbo 20) model (L.Sample("mean", L.Normal(location, L.Exp scale))))

    // the batch stands for three as many data: the posterior is N(12·mean/(1 + 12), 1/(1 + 12))
    let found = steps 2000 learner batch 12.0
    let location, scale = average "location" found[1500..], average "scale" found[1500..]
    Assert.Equal(12.0 * 0.625 / 13.0, location, 0.02)
    Assert.Equal(-0.5 * log 13.0, scale, 0.03)
    // of each datum: the divergence once, the likelihoods three times
    let first = found[0]
    Assert.Equal((first["KL(q(mean) ‖ p(mean))"] - first["Σ_data log p(data/x)"]), first["loss"], 1e-4)
    Assert.Equal(0.0, first["KL(q(mean) ‖ p(mean))"], 1e-6)

    let evaluation = (learner.Program(LearnerMode.Evaluate, 4, 0UL)).Program
    let inputs = [ "batch", batch; "seed", [| 3.0; 0.0 |]; "step", [| 0.0; 0.0 |]; "total", [| 12.0 |] ]
    let part n = (interpret [ "data", n ] inputs evaluation).["Σ_data log p(data/x)"].[0]
    Assert.NotEqual(part 4, part 2)
    Assert.InRange(part 2, -4.0, -0.9)

[<Fact>]
let ``A bound's program that weighs the run beside its model is refused`` () =
    refuses "The program of a bound observes or weighs, and its weight would be lost." (fun () ->
        Learner.maximise (Record.space<Tensor>()) "weighs" (Sgd(0.1)) (fun (x: Tensor) ->
            prob {
                let w = parameter "w" 1.0
                do! L.Factor(w * x)
                return! EvidenceBound.derive (Objective.Elbo()) (L.Sample("z", L.Normal(x, 1.0))) (L.Sample("z", L.Normal(w * x, 1.0)))
            }))
