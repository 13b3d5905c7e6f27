module Inference.Dsl.Tests.MppiTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.MppiSolves
open Inference.Dsl.Tests.Statistics
open Xunit

[<Fact>]
let ``With many samples the new mean, the sample size, the free energy and the ELBO are those of the posterior`` () =
    use engine = newEngine ()
    let samples, fresh = 65536, 16384

    for alpha in [ 0.2; 1.0; 4.0 ] do
        let planner =
            quadratic |> Mdp.optimal alpha |> Mppi.plan { settings samples 1 with ElboSamples = fresh }

        let result = solveFast engine [ 1.0 ] planner
        let mean, variance = -1.0 / (1.0 + alpha), alpha / (1.0 + alpha)

        // moments of the normalised weights w = posterior/prior under the prior
        let moment f =
            integral (fun u -> normal mean variance u ** 2.0 / normal 0.0 1.0 u * f u) -8.0 8.0

        let n = double samples
        let found = result["means"].[0]
        let error = sqrt (moment (fun u -> (u - mean) ** 2.0) / n)
        Assert.InRange(found, mean - 6.0 * error, mean + 6.0 * error)
        // the plan of one step is kept
        Assert.Equal(found, one result "action")
        Assert.Equal(found, one result "plan")

        let ratio = moment (fun _ -> 1.0)
        Assert.InRange(one result "effective sample size" / n, 0.95 / ratio, 1.05 / ratio)

        let logEvidence = 0.5 * log variance - 0.5 / (1.0 + alpha)
        let slack = 6.0 * sqrt ((ratio - 1.0) / n)
        Assert.InRange(one result "free energy" / -alpha, logEvidence - slack, logEvidence + slack)

        // E[−½y²]/α − ½m² with y ~ N(1 + m, 1)
        let c = 1.0 + found
        let elbo = -(c * c + 1.0) / (2.0 * alpha) - 0.5 * found * found
        let spread = 6.0 * sqrt ((2.0 + 4.0 * c * c) / 4.0 / double fresh) / alpha
        Assert.InRange(one result "elbo", elbo - spread, elbo + spread)
        // a bound on the evidence, and not a tight one: the family has another variance
        Assert.True(one result "elbo" < logEvidence + spread)
        Assert.Equal(0.0, one result "non-finite samples")
        Assert.Equal(1.0, one result "first non-finite step")

[<Fact>]
let ``The ELBO of the best mean is the evidence less the divergence of the variances`` () =
    // KL(N(m, 1) ‖ N(m, v)) = ½(1/v − 1 + log v)
    use engine = newEngine ()
    let alpha, fresh = 1.0, 16384

    let result =
        quadratic
        |> Mdp.optimal alpha
        |> Mppi.plan { settings 65536 1 with ElboSamples = fresh }
        |> solveFast engine [ 1.0 ]

    let variance = alpha / (1.0 + alpha)
    let logEvidence = 0.5 * log variance - 0.5 / (1.0 + alpha)
    let gap = logEvidence - one result "elbo"
    Assert.Equal(0.5 * (1.0 / variance - 1.0 + log variance), gap, 6.0 * sqrt (0.75 / double fresh) + 1e-3)

type Push =
    {
        [<Within(0.0, 1.0)>]
        Force: Tensor
    }

let private pushed: Mdp<Point, Push, NoSettings> =
    Mdp.define "pushed" |> Mdp.step (fun s _ -> s) |> Mdp.reward (fun _ u -> u.Force)

// ---- Under another prior than the last plan's.

/// A solve from a plan that is far off, under a prior of its own.
let private underPrior engine (prior: NormalPrior) alpha noise plan mdp =
    let samples, fresh = 262144, 65536

    let planner =
        mdp
        |> Mdp.optimal alpha
        |> Mppi.plan
            { settings samples 1 with
                ElboSamples = fresh
                Noise = noise
                Prior = Some prior
            }

    execute engine [ "state", [| 1.0 |]; "settings", [| 0.0 |]; "seed", [| 1.0; 0.0 |]; "plan", [| plan |] ] planner.Program

[<Fact>]
let ``Under a prior of its own a plan does not depend on the last one`` () =
    // p(u) = N(μ, s²), R = −½(1 + u)²: precision 1/s² + 1/α, mean (μ/s² − 1/α)/precision, evidence N(−1; μ, α + s²)·√(2πα)
    use engine = newEngine ()

    for mu, s, alpha, noise, plan in [ 0.0, 1.0, 1.0, 1.0, 0.0; 0.0, 1.0, 1.0, 1.5, 0.7; 0.5, 0.8, 2.0, 1.0, -0.6 ] do
        let result =
            underPrior engine { Mean = [| mu |]; Deviation = Noise.Of [| s |] } alpha (Noise.Of [| noise |]) plan quadratic

        let precision = 1.0 / (s * s) + 1.0 / alpha
        let mean, variance = (mu / (s * s) - 1.0 / alpha) / precision, 1.0 / precision
        // moments of the normalised weights w = posterior/drawn under what is drawn
        let moment f =
            integral (fun u -> normal mean variance u ** 2.0 / normal plan (noise * noise) u * f u) -12.0 12.0

        let n = 262144.0
        let error = sqrt (moment (fun u -> (u - mean) ** 2.0) / n)
        Assert.InRange(error, 0.0, 0.01)
        Assert.InRange(one result "action", mean - 6.0 * error, mean + 6.0 * error)
        let ratio = moment (fun _ -> 1.0)
        Assert.InRange(one result "effective sample size" / n, 0.9 / ratio, 1.1 / ratio)
        let logEvidence = 0.5 * log (alpha / (alpha + s * s)) - 0.5 * (1.0 + mu) ** 2.0 / (alpha + s * s)
        let slack = 6.0 * sqrt ((ratio - 1.0) / n)
        Assert.InRange(one result "free energy" / -alpha, logEvidence - slack, logEvidence + slack)

        // E[−½y²]/α − KL(N(m, noise²) ‖ N(μ, s²)) with y ~ N(1 + m, noise²)
        let m = one result "action"
        let c = 1.0 + m
        let divergence = log (s / noise) + (noise * noise + (m - mu) ** 2.0) / (2.0 * s * s) - 0.5
        let elbo = -(c * c + noise * noise) / (2.0 * alpha) - divergence
        let spread = 6.0 * sqrt ((2.0 * noise ** 4.0 + 4.0 * c * c * noise * noise) / 4.0 / 65536.0) / alpha
        Assert.InRange(one result "elbo", elbo - spread, elbo + spread)
        Assert.True(one result "elbo" <= logEvidence + spread)

[<Fact>]
let ``A prior at the last plan is the default`` () =
    use engine = newEngine ()

    let plan prior =
        quadratic
        |> Mdp.optimal 0.7
        |> Mppi.plan { settings 64 2 with Prior = prior }
        |> solve [ 1.0 ] [ "plan", [| 0.25; -0.5 |] ]

    let expected, found = plan None, plan (Some { Mean = [| 0.25; -0.5 |]; Deviation = Noise.Of [| 1.0 |] })

    for name in [ "means"; "effective sample size"; "free energy"; "elbo" ] do
        close (List.ofArray expected[name]) found[name]

[<Fact>]
let ``Actions that are held to their limits are held under the prior as well`` () =
    // R = u, 0 ≤ u ≤ 1 clipped of v: both the prior N(0, 1) and what is drawn, N(0.8, 1), have mass at the limits
    use engine = newEngine ()
    let alpha = 0.5
    let weight v = exp (min 1.0 (max 0.0 v) / alpha) * normal 0.0 1.0 v
    let total f = integral (fun v -> weight v * f (min 1.0 (max 0.0 v))) -9.0 9.0

    let result =
        pushed
        |> underPrior engine { Mean = [| 0.0 |]; Deviation = Noise.Of [| 1.0 |] } alpha (Noise.Of [| 1.0 |]) 0.8

    // the ratio of densities and exp(1/α) bound every weight: six standard errors are below this
    Assert.Equal(total id / total (fun _ -> 1.0), one result "action", 0.02)
    Assert.Equal(log (total (fun _ -> 1.0)), one result "free energy" / -alpha, 0.02)

// ---- Weights by themselves.

[<Fact>]
let ``Weights are the softmax of scores, over any number of indices`` () =
    let i, j = L.PlateIndex("i", 2), L.PlateIndex("j", 3)
    let scores = [ 1.0; -2.0; 0.5; 3.0; nan; 2.0 ]
    let score = L.Unstack(L.Unstack(tensor [ 2; 3 ] scores, i), j)
    let w = Mppi.weigh [ i; j ] score
    let expected = [ for s in scores -> if Double.IsNaN s then 0.0 else exp (s - 3.0) ]
    close expected (numbers (L.Stack(L.Stack(w.Weights, j), i)))
    Assert.Equal(List.sum expected, number w.Total, 1e-12)
    Assert.Equal(3.0 + log (List.sum expected / 6.0), number w.LogMean, 1e-12)
    Assert.Equal(List.sum expected ** 2.0 / List.sumBy (fun x -> x * x) expected, number w.EffectiveSamples, 1e-12)

[<Fact>]
let ``A weighted mean takes each tensor of a record, or the other record if nothing weighs`` () =
    let i = L.PlateIndex("i", 2)
    let value = {| X = L.Unstack(tensor [ 2; 2 ] [ 1.0; 2.0; 3.0; 4.0 ], i); Y = scalar 7.0 |}
    let otherwise = {| X = vector [ 50.0; 60.0 ]; Y = scalar 70.0 |}

    let mean scores =
        Mppi.weightedMean [ i ] (Mppi.weigh [ i ] (L.Unstack(vector scores, i))) otherwise value

    let known = mean [ 0.0; log 3.0 ]
    close [ 2.5; 3.5 ] (numbers known.X)
    Assert.Equal(7.0, number known.Y, 1e-12)
    let unknown = mean [ nan; -infinity ]
    close [ 50.0; 60.0 ] (numbers unknown.X)
    Assert.Equal(70.0, number unknown.Y)

// ---- What cannot be planned.

[<Fact>]
let ``Settings that cannot be are errors that name the option and the process`` () =
    let wrong problem change =
        let e = failure (fun () -> quadratic |> Mdp.optimal 1.0 |> Mppi.plan (change (settings 4 2)))
        Assert.Equal(problem, e.Problem)
        Assert.Equal("quadratic", e.Model)

    wrong "Mppi.Samples is 0." (fun s -> { s with Samples = 0 })
    wrong "Mppi.Horizon is -1." (fun s -> { s with Horizon = -1 })
    wrong "Mppi.Rollouts is 0." (fun s -> { s with Rollouts = 0 })
    wrong "Mppi.ElboSamples is 0." (fun s -> { s with ElboSamples = 0 })

    wrong "The prior's mean has 3 numbers; the action has 1 and the horizon 2 steps." (fun s ->
        { s with
            Prior = Some { Mean = [| 0.0; 0.0; 0.0 |]; Deviation = Noise.Of [| 1.0 |] }
        })

    wrong "The noise has 3 numbers; the action has 1 and the horizon 2 steps." (fun s -> { s with Noise = Noise.Of [| 1.0; 1.0; 1.0 |] })

[<Fact>]
let ``A process without a step or a reward cannot be planned`` () =
    let wrong problem mdp =
        let e = failure (fun () -> mdp |> Mdp.optimal 1.0 |> Mppi.plan (settings 4 2))
        Assert.Equal(problem, e.Problem)
        Assert.Equal("empty", e.Model)

    let empty = Mdp.define<Point, Move, NoSettings> "empty"
    wrong "\"empty\" has no Reward." (empty |> Mdp.step (fun s _ -> s))
    wrong "\"empty\" has no Step." (empty |> Mdp.reward (fun s _ -> s.X))

[<Fact>]
let ``The defaults are those of the contract`` () =
    let s = MppiSettings.Default
    Assert.Equal((1024, 50, 1), (s.Samples, s.Horizon, s.Rollouts))
    Assert.Equal<double[]>([| 1.0 |], s.Noise.Values)
    Assert.True s.Prior.IsNone
