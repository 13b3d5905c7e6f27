module Inference.Dsl.Tests.MppiTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.Statistics
open Xunit

let private solve (state: double list) inputs (p: PlannerProgram) =
    let settings = Array.zeroCreate (max 1 p.SettingsSpace.Count)
    interpret [] (List.append [ "state", Array.ofList state; "settings", settings; "seed", [| 1.0; 0.0 |] ] inputs) p.Program

let private solveFast engine (state: double list) (p: PlannerProgram) =
    let settings = Array.zeroCreate (max 1 p.SettingsSpace.Count)
    execute engine [ "state", Array.ofList state; "settings", settings; "seed", [| 1.0; 0.0 |] ] p.Program

let private newEngine () = new Engine(EngineOptions(Threads = 1, Cache = false))
let private one (result: Map<string, double[]>) name = Array.exactlyOne result[name]

let private settings samples horizon =
    { MppiSettings.Default with
        Samples = samples
        Horizon = horizon
        ElboSamples = 4
    }

// ---- A quadratic cost of one step, where all is known: u ~ N(0, 1), R = −½(1 + u)², posterior N(−1/(1+α), α/(1+α)).

type Point = { X: Tensor }
type Move = { By: Tensor }

let private quadratic: Mdp<Point, Move, NoSettings> =
    Mdp.define "quadratic"
    |> Mdp.step (fun s u -> { X = s.X + u.By })
    |> Mdp.reward (fun s u -> -0.5 * L.Square(s.X + u.By))

let private normal mean variance x = exp (-0.5 * (x - mean) ** 2.0 / variance) / sqrt (2.0 * Math.PI * variance)

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

// ---- The whole of a solve, computed by hand with the random numbers of docs/random.md.

type Ship =
    {
        [<Size(2)>]
        Position: Tensor
        Heading: Tensor
    }

type Helm =
    {
        [<Size(2); Within(-0.8, 0.6)>]
        Thrust: Tensor
        Turn: Tensor
    }

let private ship: Mdp<Ship, Helm, NoSettings> =
    Mdp.define "ship"
    |> Mdp.stepWith (fun s u () t ->
        {
            Position = s.Position + u.Thrust * L.Cos s.Heading
            Heading = s.Heading + 0.5 * u.Turn + 0.1 * t
        })
    |> Mdp.rewardWith (fun s u () t -> -(L.Sum(L.Square s.Position)) - 0.1 * L.Square u.Turn + 0.05 * t * s.Heading)
    |> Mdp.terminalValue (fun s () -> -2.0 * L.Sum(L.Square s.Position))
    |> Mdp.discount 0.9

/// Normal draw `n` of a site with seed (1, 0) at an outer step, at a place of its plate, where it draws `count` numbers a step.
let private drawn (path: string) step plate count n =
    let struct (low, high) = Philox.hashPath path
    let key = Philox.words low high step 0u 1u 0u

    let uniform n =
        let first = n / 4 * 4

        let w =
            (Philox.words (uint32 plate) (uint32 (first / count)) (uint32 (first % count / 4)) 0u key[0] key[1]).[n % 4]

        (double (w >>> 9) + 0.5) * 2.0 ** -23.0

    let radius, angle = sqrt (-2.0 * log (uniform (n / 2 * 2))), 2.0 * Math.PI * uniform (n / 2 * 2 + 1)
    if n % 2 = 0 then radius * cos angle else radius * sin angle

/// Clipped actions of one sample around a plan: rows of thrust, thrust, turn.
let private sampled plate place step (plan: double[][]) (noise: int -> int -> double) =
    plan
    |> Array.mapi (fun t row ->
        let thrust e =
            row[e] + noise t e * drawn $"{plate}/step/actions.0" step place 2 (2 * t + e) |> max -0.8 |> min 0.6

        [| thrust 0; thrust 1; row[2] + noise t 2 * drawn $"{plate}/step/actions.1" step place 1 t |])

/// The return of a row of actions, from a position, a heading and a time.
let private returnOf (x0: double, y0: double, h0: double) now (actions: double[][]) =
    let mutable x, y, heading, total = x0, y0, h0, 0.0

    for k in 0 .. actions.Length - 1 do
        let u, t = actions[k], now + double k
        total <- total + 0.9 ** double k * (-(x * x + y * y) - 0.1 * u[2] * u[2] + 0.05 * t * heading)
        x <- x + u[0] * cos heading
        y <- y + u[1] * cos heading
        heading <- heading + 0.5 * u[2] + 0.1 * t

    total + 0.9 ** double actions.Length * -2.0 * (x * x + y * y)

let private noises: (double[] * (int -> int -> double)) list =
    let each, all = [| 0.3; 0.7; 1.2 |], [| 0.1; 0.2; 0.3; 0.4; 0.5; 0.6; 0.7; 0.8; 0.9 |]
    [ [| 0.5 |], (fun _ _ -> 0.5); each, (fun _ e -> each[e]); all, (fun t e -> all[3 * t + e]) ]

[<Fact>]
let ``A solve is what its equations say, number by number`` () =
    let samples, fresh, alpha, step = 7, 4, 0.7, 5u
    let start = 0.4, -0.3, 0.2
    let plan = [| [| 0.1; -0.2; 0.3 |]; [| 0.5; 0.5; -0.5 |]; [| -0.4; 0.0; 0.1 |] |]

    for values, noise in noises do
        let result =
            ship
            |> Mdp.optimal alpha
            |> Mppi.plan { settings samples 3 with Noise = Noise.Of values; ElboSamples = fresh }
            |> solve [ 0.4; -0.3; 0.2 ] [ "plan", Array.concat plan; "step", [| double step |] ]

        let actions = [| for k in 0 .. samples - 1 -> sampled "rollout" k step plan noise |]
        let returns = actions |> Array.map (returnOf start (double step))

        let weights =
            let e = returns |> Array.map (fun r -> exp (r / alpha)) in e |> Array.map (fun w -> w / Array.sum e)

        let means =
            Array.init 3 (fun t -> Array.init 3 (fun e -> Seq.sum (Seq.map2 (fun w (a: double[][]) -> w * a[t].[e]) weights actions)))

        close (List.ofArray (Array.concat means)) result["means"]
        close (List.ofArray means[0]) result["action"]
        close (List.ofArray (Array.concat [ means[1]; means[2]; means[2] ])) result["plan"]
        close [ 1.0 / Array.sumBy (fun w -> w * w) weights ] result["effective sample size"]
        close [ -alpha * log (returns |> Array.averageBy (fun r -> exp (r / alpha))) ] result["free energy"]

        let expected =
            Array.average [| for k in 0 .. fresh - 1 -> sampled "elbo" k step means noise |> returnOf start (double step) |]

        let divergence =
            Seq.sum (
                seq {
                    for t in 0..2 do
                        for e in 0..2 -> ((means[t].[e] - plan[t].[e]) / noise t e) ** 2.0 / 2.0
                }
            )

        close [ expected / alpha - divergence ] result["elbo"]
        close [ 0.0 ] result["non-finite samples"]
        close [ 3.0 ] result["first non-finite step"]
        close [ 6.0 ] result["step"]

        // the test reaches both limits of an action and none of the other's
        let thrusts = actions |> Array.collect (Array.collect (fun a -> a[0..1]))

        Assert.True(
            Array.contains -0.8 thrusts
            && Array.contains 0.6 thrusts
            && Array.exists (fun u -> u > -0.8 && u < 0.6) thrusts
        )

[<Fact>]
let ``Plans follow one another, each from the last one shifted`` () =
    let planner = ship |> Mdp.optimal 0.7 |> Mppi.plan (settings 5 3)
    let first = planner |> solve [ 0.4; -0.3; 0.2 ] []
    let second = planner |> solve [ 0.4; -0.3; 0.2 ] [ "plan", first["plan"]; "step", first["step"] ]
    let plan = first["plan"] |> Array.chunkBySize 3
    let actions = [| for k in 0..4 -> sampled "rollout" k 1u plan (fun _ _ -> 1.0) |]
    let e = actions |> Array.map (fun a -> exp (returnOf (0.4, -0.3, 0.2) 1.0 a / 0.7))

    close
        [
            for t in 0..2 do
                for k in 0..2 -> Array.sum (Array.map2 (fun w (a: double[][]) -> w * a[t].[k]) e actions) / Array.sum e
        ]
        second["means"]

// ---- Noise in the dynamics.

type Force =
    {
        [<Within(0.0, 1.0)>]
        Value: Tensor
    }

/// x′ = x + u·ξ, valued by x′: its expectation says nothing about u, and wishing for luck says to push.
let private gamble: Mdp<Point, Force, NoSettings> =
    Mdp.define "gamble"
    |> Mdp.transition (fun s u ->
        prob {
            let! luck = L.Sample("luck", L.Normal(0.0, 1.0))
            return { X = s.X + u.Value * luck }
        })
    |> Mdp.reward (fun _ _ -> scalar 0.0)
    |> Mdp.terminalValue (fun s () -> s.X)

/// The mean of clip(N(0, 1), 0, 1) weighed by E exp(u·ξ̄) = exp(u²/2m), where ξ̄ is the mean of m draws.
let private tilted m =
    let weight u = exp (u * u / (2.0 * m))
    let inside f = integral (fun u -> normal 0.0 1.0 u * weight u * f u) 0.0 1.0
    let beyond = (1.0 - normalCdf 1.0) * weight 1.0
    (inside id + beyond) / (0.5 + inside (fun _ -> 1.0) + beyond)

[<Fact>]
let ``Fixed dynamics average the return over their noise, and the exact posterior wishes for luck`` () =
    use engine = newEngine ()
    let samples = 65536

    let mean semantics rollouts =
        let planner =
            gamble |> Mdp.optimalIn semantics 1.0 |> Mppi.plan { settings samples 1 with Rollouts = rollouts }

        one (solveFast engine [ 0.0 ] planner) "action"

    // var(w·(u − mean)) ≤ E w² ≤ e² for the weights exp(uξ), u ≤ 1, before they are normalised by more than ½ e^(1/8)
    let slack = 6.0 * exp 1.0 / sqrt (double samples)
    let averaged, wished = mean PlanningSemantics.FixedDynamics 8, mean PlanningSemantics.ExactPosterior 8
    Assert.InRange(averaged, tilted 8.0 - slack, tilted 8.0 + slack)
    Assert.InRange(wished, tilted 1.0 - slack, tilted 1.0 + slack)
    Assert.True(tilted 1.0 - tilted 8.0 > 0.05)
    Assert.InRange(wished - averaged, 0.05, 0.1)
    // one draw weighed by itself is the exact posterior, whatever it is called
    Assert.Equal(mean PlanningSemantics.FixedDynamics 1, mean PlanningSemantics.ExactPosterior 1)

[<Fact>]
let ``Rollouts are the draws of the dynamics for each action sequence`` () =
    let samples, rollouts = 5, 3

    let result semantics =
        gamble
        |> Mdp.optimalIn semantics 0.5
        |> Mppi.plan { settings samples 1 with Rollouts = rollouts }
        |> solve [ 0.25 ] []

    let actions =
        [| for k in 0 .. samples - 1 -> drawn "rollout/step/actions.0" 0u k 1 0 |> max 0.0 |> min 1.0 |]

    let values =
        [|
            for k in 0 .. samples - 1 ->
                [|
                    for m in 0 .. rollouts - 1 -> 0.25 + actions[k] * drawn "rollout/dynamics/step/luck" 0u (k * rollouts + m) 1 0
                |]
        |]

    let weigh (w: double[]) = Array.sum (Array.map2 (*) w actions) / Array.sum w
    let ess (w: double[]) = Array.sum w ** 2.0 / Array.sumBy (fun x -> x * x) w

    let fixedWeights = values |> Array.map (fun v -> exp (Array.average v / 0.5))
    let averaged = result PlanningSemantics.FixedDynamics
    close [ weigh fixedWeights ] averaged["action"]
    close [ ess fixedWeights ] averaged["effective sample size"]
    close [ -0.5 * log (Array.average fixedWeights) ] averaged["free energy"]

    let exactWeights = values |> Array.map (Array.map (fun v -> exp (v / 0.5)))
    let exact = result PlanningSemantics.ExactPosterior
    close [ weigh (Array.map Array.sum exactWeights) ] exact["action"]
    close [ ess (Array.concat exactWeights) ] exact["effective sample size"]
    close [ -0.5 * log (Array.average (Array.concat exactWeights)) ] exact["free energy"]

[<Fact>]
let ``A deterministic step is rolled out once, however many rollouts are asked for`` () =
    let plan semantics rollouts =
        quadratic
        |> Mdp.optimalIn semantics 1.0
        |> Mppi.plan { settings 9 2 with Rollouts = rollouts }
        |> solve [ 1.0 ] []

    let expected = plan PlanningSemantics.FixedDynamics 1
    Assert.Equal<Map<string, double[]>>(expected, plan PlanningSemantics.FixedDynamics 6)
    Assert.Equal<Map<string, double[]>>(expected, plan PlanningSemantics.ExactPosterior 6)

// ---- Returns that are not finite.

[<Fact>]
let ``A sample whose return is not finite weighs nothing and is counted`` () =
    for reward in [ L.Sqrt; L.Log << (fun u -> L.Max(0.0, u)); (fun u -> L.Select(L.Less(u, 0.0), infinity, u)) ] do
        let samples = 9
        let rooted = quadratic |> Mdp.reward (fun _ u -> reward u.By)
        let result = rooted |> Mdp.optimal 0.5 |> Mppi.plan (settings samples 1) |> solve [ 0.0 ] []
        let actions = [| for k in 0 .. samples - 1 -> drawn "rollout/step/actions.0" 0u k 1 0 |]
        let value u = number (reward (scalar u))
        let good = actions |> Array.filter (fun u -> u > 0.0)
        Assert.InRange(good.Length, 2, samples - 2)
        let w = good |> Array.map (fun u -> exp (value u / 0.5))
        close [ Array.sum (Array.map2 (*) w good) / Array.sum w ] result["action"]
        close [ Array.sum w ** 2.0 / Array.sumBy (fun x -> x * x) w ] result["effective sample size"]
        close [ -0.5 * log (Array.sum w / double samples) ] result["free energy"]
        close [ double (samples - good.Length) ] result["non-finite samples"]
        close [ 0.0 ] result["first non-finite step"]

[<Fact>]
let ``Without a finite return the plan stays, shifted, and the first step at fault is reported`` () =
    // the third step reads the time 2 and more
    let cliff = quadratic |> Mdp.rewardWith (fun s u () t -> -(L.Square s.X) + L.Sqrt(1.5 - t) + 0.0 * u.By)

    let result =
        cliff
        |> Mdp.optimal 0.5
        |> Mppi.plan (settings 6 4)
        |> solve [ 0.0 ] [ "plan", [| 1.0; 2.0; 3.0; 4.0 |] ]

    close [ 1.0; 2.0; 3.0; 4.0 ] result["means"]
    close [ 1.0 ] result["action"]
    close [ 2.0; 3.0; 4.0; 4.0 ] result["plan"]
    close [ 6.0 ] result["non-finite samples"]
    close [ 2.0 ] result["first non-finite step"]
    close [ infinity ] result["free energy"]

[<Fact>]
let ``A state that is not finite at the start is reported at step 0`` () =
    let result =
        quadratic |> Mdp.optimal 0.5 |> Mppi.plan (settings 6 2) |> solve [ nan ] [ "plan", [| 1.0; 2.0 |] ]

    close [ 1.0; 2.0 ] result["means"]
    close [ 6.0 ] result["non-finite samples"]
    close [ 0.0 ] result["first non-finite step"]

[<Fact>]
let ``Returns of any size are weighed without overflow`` () =
    for scale in [ 1e6; 1e-6 ] do
        for shift in [ 1e8; -1e8 ] do
            let far = quadratic |> Mdp.reward (fun _ u -> shift - scale * L.Square u.By)
            let result = far |> Mdp.optimal 1.0 |> Mppi.plan (settings 6 1) |> solve [ 0.0 ] []

            Assert.All(
                [ "action"; "effective sample size"; "free energy"; "elbo" ],
                fun name -> Assert.True(Double.IsFinite(one result name))
            )

            Assert.InRange(one result "effective sample size", 1.0, 6.0 + 1e-9)
            Assert.InRange(one result "free energy", -shift, -shift + 50.0 * scale + 10.0)

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
