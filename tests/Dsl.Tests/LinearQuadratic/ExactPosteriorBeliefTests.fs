/// Control of what is seen through observations under the exact posterior, beside the joint Gaussian of whole trajectories.
module Inference.Dsl.Tests.LinearQuadratic.ExactPosteriorBeliefTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.LinearQuadratic.Plant
open Xunit

let private mean, factor = [| 0.4; -0.3 |], array2D [ [ 0.6; 0.0 ]; [ 0.5; 0.4 ] ]
let private sight, sightNoise = [| 1.0; 0.5; 0.0; 2.0 |], [| 0.7; 0.4 |]

/// The plant seen through y ~ N(C·x + 0.1, diag v²); what is known of its second number at the start is nothing, or that given the first, or all.
let private watched noisy (certain: bool) (n: Numbers) : Mdp<State, Action, NoSettings> =
    specify noisy n
    |> Mdp.start (
        prob {
            let! first = L.Sample("first", L.Normal(L.Fill mean[0], L.Fill factor[0, 0]))
            let second = L.Fill mean[1] + (factor[1, 0] / factor[0, 0]) * (first - mean[0])

            if certain then
                return { X = L.Pack(first, second) }
            else
                let! second = L.Sample("second", L.Normal(second, L.Fill factor[1, 1]))
                return { X = L.Pack(first, second) }
        }
    )
    |> Mdp.observe (fun s ->
        L.MultivariateNormal(L.Dot(L.Constant(sight, 2, 2), s.X) + 0.1, L.Constant([| sightNoise[0]; 0.0; 0.0; sightNoise[1] |], 2, 2)))

/// log p(start, noise, rewards of some steps, observations of some) of variables: two normals of the start, three of each step, two actions of each
/// step; observations to come have an integral of 1.
let private logWeight (n: Numbers) noisy certain alpha steps rewards ends (seen: double[][]) (actions: int -> double[]) (z: double[]) =
    let e t = Array.sub z (2 + 3 * t) 3
    let mutable total = -0.5 * Seq.sumBy (fun x -> x * x) (Seq.take (2 + 3 * steps) z)

    let mutable x =
        Array.init 2 (fun k -> mean[k] + factor[k, 0] * z[0] + (if certain then 0.0 else factor[k, 1] * z[1]))

    for t in 0 .. steps - 1 do
        if t < seen.Length then
            for k in 0..1 do
                let expected = sight[2 * k] * x[0] + sight[2 * k + 1] * x[1] + 0.1
                total <- total - 0.5 * ((seen[t].[k] - expected) / sightNoise[k]) ** 2.0

        if t < rewards then
            total <- total + reward n t x (actions t) / alpha

        x <- step n x (actions t) (if noisy then e t else Array.zeroCreate 3)

    if ends then total + last n x / alpha else total

/// log ∫ exp f of a quadratic f.
let private logIntegral count f =
    let top, _, logDeterminant, _ = Dense.maximise count f
    top + 0.5 * double count * log (2.0 * Math.PI) - 0.5 * logDeterminant

let private at (x: double[]) = ReadOnlySpan(Array.map float32 x)

[<Theory>]
[<InlineData(1, true, false, 4, 1.0, 0.0)>]
[<InlineData(2, true, false, 3, 0.6, 0.5)>]
[<InlineData(3, true, true, 4, 2.0, 0.0)>]
[<InlineData(4, false, false, 4, 1.0, 0.3)>]
[<InlineData(5, false, true, 1, 0.8, 0.0)>]
let ``A policy of beliefs is the joint Gaussian's given all that was seen and done`` seed noisy certain steps (alpha: double) growth =
    use engine = new Engine(EngineOptions(Threads = 2, Precision = Precision.Double))
    let n = { random seed with Growth = growth }

    use found =
        (Mdp.optimalIn PlanningSemantics.ExactPosterior alpha (watched noisy certain n)).Solve(engine, Riccati(Horizon = Nullable steps))

    use controller = found.Controller()
    let draws = Random(7 * seed)
    let mutable seen, taken = [||], [||]

    for t in 0 .. steps - 1 do
        seen <- Array.append seen [| Array.init 2 (fun _ -> double (float32 (2.0 * draws.NextDouble() - 1.0))) |]
        let action = controller.Act(at seen[t]).ToArray() |> Array.map double
        let count = 2 + 3 * steps + 2 * (steps - t)
        let first = 2 + 3 * steps
        let actions (z: double[]) k = if k < t then taken[k] else Array.sub z (first + 2 * (k - t)) 2

        let weight (z: double[]) = logWeight n noisy certain alpha steps steps true seen (actions z) z
        let top, best, logDeterminant, precision = Dense.maximise count weight
        let covariance = found.Covariance t

        for i in 0..1 do
            Assert.Equal(best[first + i], action[i], 1e-5)

            for j in 0..1 do
                Assert.Equal((Dense.column precision (first + i) count)[first + j], covariance[i, j], 1e-8)

        let before =
            logIntegral first (logWeight n noisy certain alpha steps t false seen (fun k -> if k < t then taken[k] else [| 0.0; 0.0 |]))

        let all = top + 0.5 * double count * log (2.0 * Math.PI) - 0.5 * logDeterminant
        let belief = controller.Mean.ToArray()
        Assert.Equal(alpha * (all - before), found.Value(at belief, t), 1e-4)
        taken <- Array.append taken [| action |]

        // Q = V + α·log π
        let precise = action |> Array.map (fun a -> a + 0.3)
        let others (z: double[]) k = if k = t then precise else actions z k
        let free = count - 2
        let spread (z: double[]) = Array.concat [ Array.take first z; [| 0.0; 0.0 |]; Array.skip first z ]

        let chosen =
            logIntegral free (fun z -> let z = spread z in logWeight n noisy certain alpha steps steps true seen (others z) z)

        Assert.Equal(alpha * (chosen - before), found.Q(at belief, at precise, t), 1e-4)

[<Fact>]
let ``Over an infinite horizon the policy of beliefs is that of a long one`` () =
    use engine = new Engine(EngineOptions(Threads = 2, Precision = Precision.Double))
    let process' = Mdp.optimalIn PlanningSemantics.ExactPosterior 1.5 (watched true false (random 11))
    use far = process'.Solve(engine, Riccati(Horizon = 300))
    use endless = process'.Solve(engine, Riccati())

    for i in 0..1 do
        for j in 0..1 do
            Assert.Equal(far.Gain(150).[i, j], endless.Gain()[i, j], 1e-9)
            Assert.Equal(far.Covariance(150).[i, j], endless.Covariance()[i, j], 1e-9)
            Assert.Equal(far.KalmanGain(150).[i, j], endless.KalmanGain()[i, j], 1e-9)

    Assert.False endless.ErrorBound.HasValue
    let none = Assert.Throws<InvalidOperationException>(fun () -> endless.EstimationCost() |> ignore)
    Assert.Contains("depends on what is believed", none.Message)
    Assert.Contains("past rewards were earned", endless.Explain())

[<Fact>]
let ``A belief that luck is worth more to than it is improbable is refused`` () =
    use engine = new Engine(EngineOptions(Threads = 2, Precision = Precision.Double))

    let gamble (worth: double) steps =
        let process' =
            watched false false (random 3)
            |> Mdp.terminalValue (fun s _ -> worth * L.Sum(L.Square s.X))
            |> Mdp.reward (fun s a -> (if steps > 1 then worth else 0.0) * L.Sum(L.Square s.X) - 50.0 * L.Sum(L.Square a.U))

        (Mdp.optimalIn PlanningSemantics.ExactPosterior 1.0 process').Solve(engine, Riccati(Horizon = Nullable steps))

    let e = failure (fun () -> gamble 30.0 1)
    Assert.StartsWith("E[exp(V/α)] of \"plant\" is infinite for what is believed at time 0", e.Problem)
    let e = failure (fun () -> gamble 9.0 2)
    Assert.StartsWith("E[exp(r/α)] of \"plant\" is infinite for what is believed at time 0", e.Problem)
    use fine = gamble 0.1 2
    Assert.True(Double.IsFinite(fine.Value(ReadOnlySpan [| 0.0f; 0.0f |])))

[<Fact>]
let ``A discount of the exact posterior counts from the second step on`` () =
    use engine = new Engine(EngineOptions(Threads = 2, Precision = Precision.Double))
    let single gamma = { specify true (random 2) with TerminalValue = None; Discount = gamma }

    let solve gamma =
        (Mdp.optimalIn PlanningSemantics.ExactPosterior 1.0 (single gamma)).Solve(engine, Riccati(Horizon = 1))

    use one = solve 1.0
    use half = solve 0.5
    let state = ReadOnlySpan [| 0.7f; -1.1f |]
    Assert.Equal(one.Value state, half.Value state, 1e-12)
    Assert.Equal(one.Covariance()[0, 0], half.Covariance()[0, 0], 1e-12)
