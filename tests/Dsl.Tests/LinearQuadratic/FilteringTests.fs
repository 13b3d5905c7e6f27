module Inference.Dsl.Tests.LinearQuadratic.FilteringTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

type Place = { X: Tensor }
type Move = { U: Tensor }

/// x′ = a·x + u + w·ε, y = x + v·η, r = −½·(q·x² + u²), x₀ ~ N(m, s²).
let private walk (a: double) (w: double) (v: double) (q: double) gamma : Mdp<Place, Move, NoSettings> =
    Mdp.define "walk"
    |> Mdp.start (
        prob {
            let! x = L.Sample("x", L.Normal(L.Fill 0.5, L.Fill 0.75))
            return { X = x }
        }
    )
    |> Mdp.transition (fun s u ->
        prob {
            let! x = L.Sample("x", L.Normal(a * s.X + u.U, L.Fill w))
            return { X = x }
        })
    |> Mdp.reward (fun s u -> -0.5 * (q * L.Square s.X + L.Square u.U))
    |> Mdp.terminalValue (fun s _ -> -0.5 * L.Square s.X)
    |> Mdp.observe (fun s -> L.Normal(2.0 * s.X + 0.3, L.Fill v))
    |> Mdp.discount gamma

let private engineOf () = new Engine(EngineOptions(Threads = 2, Precision = Precision.Double))

[<Fact>]
let ``A random walk that is seen in noise has the golden ratio for its gain`` () =
    use engine = engineOf ()
    // y/2 has the noise of the walk: Σ⁻ = Σ⁻/(Σ⁻ + 1) + 1
    use x = (Mdp.optimal 1.0 (walk 1.0 1.0 2.0 1.0 1.0)).Solve(engine, Riccati())
    let golden = (1.0 + sqrt 5.0) / 2.0
    Assert.Equal((golden - 1.0) / 2.0, x.KalmanGain().[0, 0], 1e-9)
    Assert.Equal(golden - 1.0, x.BeliefCovariance()[0, 0], 1e-9)

    use seen =
        (Mdp.optimal 1.0 { walk 1.0 1.0 2.0 1.0 1.0 with Observation = None }).Solve(engine, Riccati())

    Assert.False seen.IsObserved
    Assert.Equal(seen.Gain()[0, 0], x.Gain()[0, 0], 1e-12)
    // what a step loses by not knowing: the belief's variance costs, and its mean moves by 1/golden less than the state
    let p = x.Cost()[0, 0]
    let lost = 0.5 * (golden - 1.0) - 0.5 * p * (1.0 - 1.0)
    Assert.Equal(seen.AverageReward - lost, x.AverageReward, 1e-9)

/// What a controller of beliefs earns, by the moments of state and mean together, entropy bonus included: exact, without drawing.
let private earned (x: LinearQuadraticSolution) (a: double) w v (q: double) (gamma: double) (steps: int) =
    // the state's mean equals the belief's; variances of x and of the filtered mean, and their covariance
    let mutable mean, predictedMean, total = 0.5, 0.5, 0.0
    let mutable vx, vm, vxm, predicted = 0.75 * 0.75, 0.0, 0.0, 0.75 * 0.75

    for t in 0 .. steps - 1 do
        let l = predicted * 2.0 / (4.0 * predicted + v * v)
        Assert.Equal(l, x.KalmanGain(t).[0, 0], 1e-9)
        // m ← m⁻ + l·(2·(x − m⁻) + v·η)
        let share = 2.0 * l

        let vm' =
            (1.0 - share) * (1.0 - share) * vm
            + share * share * vx
            + 2.0 * share * (1.0 - share) * vxm
            + l * l * v * v

        let vxm' = (1.0 - share) * vxm + share * vx
        let k, spread = x.Gain(t).[0, 0], x.Covariance(t).[0, 0]
        let vu = k * k * vm' + spread
        let u = -k * mean
        let entropy = 0.5 * log (2.0 * Math.PI * Math.E * spread)
        total <- total + gamma ** double t * (-0.5 * (q * (vx + mean * mean) + vu + u * u) + entropy)
        // x′ = a·x + u + w·ε,  m⁻′ = a·m + u, both with the action that was drawn
        let vx' = a * a * vx + vu - 2.0 * a * k * vxm' + w * w
        let closed = a - k
        let vp = closed * closed * vm' + spread
        let vxp = a * closed * vxm' - k * closed * vm' + spread
        mean <- a * mean + u
        vx <- vx'
        vm <- vp
        vxm <- vxp
        predicted <- a * a * (predicted - 4.0 * predicted * predicted / (4.0 * predicted + v * v)) + w * w

    ignore predictedMean
    total + gamma ** double steps * -0.5 * (vx + mean * mean)

[<Theory>]
[<InlineData(1.1, 0.4, 0.7, 2.0, 1.0, 6)>]
[<InlineData(0.8, 0.9, 0.2, 1.0, 0.9, 9)>]
let ``The value of a belief is what its controller earns`` (a: double) (w: double) (v: double) (q: double) (gamma: double) (steps: int) =
    use engine = engineOf ()
    use x = (Mdp.optimal 1.0 (walk a w v q gamma)).Solve(engine, Riccati(Horizon = Nullable steps))
    let l = x.KalmanGain(0).[0, 0]
    // before the first observation: its mean is 0.5, and moves by 2·l of what the start varies
    let moves = 2.0 * l * 0.75 * 0.75
    let first = x.Value(ReadOnlySpan [| 0.5f |]) - 0.5 * x.Cost(0).[0, 0] * moves
    Assert.Equal(earned x a w v q gamma steps, first, 1e-7)
    Assert.True(x.EstimationCost() < 0.0)

[<Fact>]
let ``Over an infinite horizon a belief is worth what it is at the start of a long one`` () =
    use engine = engineOf ()
    let process' = walk 0.9 0.5 0.6 1.0 0.9
    use far = (Mdp.optimal 1.0 process').Solve(engine, Riccati(Horizon = 400))
    use endless = (Mdp.optimal 1.0 process').Solve(engine, Riccati())
    let settled = 100
    let at = ReadOnlySpan [| 0.25f |]
    Assert.Equal(far.Value(at, settled), endless.Value(at), 1e-7)
    Assert.Equal(far.KalmanGain(settled).[0, 0], endless.KalmanGain()[0, 0], 1e-10)

[<Fact>]
let ``A controller filters what it sees and acts on its belief`` () =
    use engine = engineOf ()
    use x = (Mdp.optimal 1.0 (walk 1.1 0.4 0.7 2.0 1.0)).Solve(engine, Riccati(Horizon = 3))
    use controller = x.Controller()
    let mutable mean = 0.5
    let seen = [| 1.7f; -0.4f; 0.9f |]

    for t in 0..2 do
        let action = double (controller.Act(ReadOnlySpan [| seen[t] |])[0])
        mean <- mean + x.KalmanGain(t).[0, 0] * (double seen[t] - 2.0 * mean - 0.3)
        Assert.Equal(mean, controller.Mean[0], 1e-9)
        Assert.Equal(-x.Gain(t).[0, 0] * mean, action, 1e-5)
        mean <- (1.1 - x.Gain(t).[0, 0]) * mean

    let over =
        Assert.Throws<InvalidOperationException>(fun () -> controller.Act(ReadOnlySpan [| 0.0f |]).Length |> ignore)

    Assert.Contains("The horizon of \"walk\" is 3 steps", over.Message)
    controller.Reset()
    Assert.Equal(0.5, controller.Mean[0])

[<Fact>]
let ``Observations that cannot be filtered are refused`` () =
    use engine = engineOf ()

    let twice: Mdp<Place, Move, NoSettings> =
        walk 1.0 1.0 1.0 1.0 1.0
        |> Mdp.observe (fun s -> L.MultivariateNormal(L.Pack(s.X, s.X), L.Constant([| 1.0; 0.0; 1.0; 1e-200 |], 2, 2)))

    let e = failure (fun () -> (Mdp.optimal 1.0 twice).Solve(engine, Riccati()))
    Assert.StartsWith("The covariance of the observation of \"walk\" is not positive definite at its number 1, step 0", e.Problem)

    refuses "\"walk\" is seen through observations and has no start: nothing says what is believed before the first." (fun () ->
        LinearQuadratic.derive 0 (Mdp.optimal 1.0 { walk 1.0 1.0 1.0 1.0 1.0 with Start = None }))

    let bent = walk 1.0 1.0 1.0 1.0 1.0 |> Mdp.observe (fun s -> L.Normal(L.Square s.X, L.Ones()))

    let e = failure (fun () -> LinearQuadratic.derive 0 (Mdp.optimal 1.0 bent))
    Assert.Contains("whose mean is not affine; it takes a product of what moves with \"X\"", e.Problem)

    let unseen = walk 1.2 1.0 1.0 1.0 1.0 |> Mdp.observe (fun s -> L.Normal(0.0 * s.X, L.Ones()))
    let e = failure (fun () -> (Mdp.optimal 1.0 unseen).Solve(engine, Riccati()))
    Assert.StartsWith("What is believed of \"walk\" does not settle: after ", e.Problem)

    use seen =
        (Mdp.optimal 1.0 { walk 1.0 1.0 1.0 1.0 1.0 with Observation = None }).Solve(engine, Riccati())

    let none = Assert.Throws<InvalidOperationException>(fun () -> seen.Controller() |> ignore)
    Assert.Contains("The state of \"walk\" is seen", none.Message)
