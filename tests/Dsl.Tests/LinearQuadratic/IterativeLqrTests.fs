module Inference.Dsl.Tests.LinearQuadratic.IterativeLqrTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.LinearQuadratic.Plant
open Xunit

type Pose = { Angle: Tensor; Speed: Tensor }

type Torque =
    {
        [<Within(-2.0, 2.0)>]
        Torque: Tensor
    }

/// Gymnasium's Pendulum-v1, hanging still at first.
let pendulum: Mdp<Pose, Torque, NoSettings> =
    Mdp.define "pendulum"
    |> Mdp.start (Prob.result { Angle = L.Fill Math.PI; Speed = L.Zeros() })
    |> Mdp.step (fun s a ->
        let speed = L.Clip(s.Speed + (15.0 * L.Sin s.Angle + 3.0 * a.Torque) * 0.05, -8.0, 8.0)
        { Angle = s.Angle + 0.05 * speed; Speed = speed })
    |> Mdp.reward (fun s a -> -(L.Square(L.WrapAngle s.Angle) + 0.1 * L.Square s.Speed + 0.001 * L.Square a.Torque))

let private inDouble threads = new Engine(EngineOptions(Threads = threads, Precision = Precision.Double))
let private elements (a: double[,]) = a |> Seq.cast<double> |> List.ofSeq

[<Theory>]
[<InlineData(PlanningSemantics.FixedDynamics, 0.9, true)>]
[<InlineData(PlanningSemantics.Boltzmann, 1.0, true)>]
[<InlineData(PlanningSemantics.ExactPosterior, 1.0, false)>]
[<InlineData(PlanningSemantics.ExactPosterior, 1.0, true)>]
let ``On a linear-quadratic process one iteration finds what LQR does`` (semantics: PlanningSemantics) (gamma: double) (noisy: bool) =
    use engine = inDouble 2
    let steps = 5

    for seed in 1..3 do
        let o =
            Mdp.optimalIn semantics 0.7 (specify noisy { random seed with Growth = 0.2 } |> Mdp.discount gamma)

        use known = o.Solve(engine, Riccati(Horizon = Nullable steps))
        use x = o.Solve(engine, IterativeLqr(Horizon = steps, From = [| 0.5; -1.0 |]))
        Assert.True(x.Converged, x.Explain())
        Assert.Equal(1, x.Iterations)

        for t in 0 .. steps - 1 do
            close (elements (known.Gain t)) (Array.ofList (elements (x.Gain t)))
            close (elements (known.Covariance t)) (Array.ofList (elements (x.Covariance t)))
            let beside = [| float32 (x.State(t)[0]) + 0.5f; float32 (x.State(t)[1]) - 0.25f |]
            Assert.Equal(known.Value(ReadOnlySpan beside, t), x.Value(ReadOnlySpan beside, t), 1e-7)
            Assert.Equal(known.Act(ReadOnlySpan beside, t)[0], x.Act(ReadOnlySpan beside, t)[0], 1e-5f)

type Spot = { Y: Tensor }
type Shift = { By: Tensor }

[<Fact>]
let ``Under the exact posterior the trajectory is the most likely one, noise included`` () =
    use engine = inDouble 2
    let alpha, from = 0.4, 0.75

    let falling: Mdp<Spot, Shift, NoSettings> =
        Mdp.define "falling"
        |> Mdp.transition (fun s a ->
            prob {
                let! y = L.Sample("y", L.Normal(s.Y + a.By, L.Fill 0.5))
                return { Y = y }
            })
        |> Mdp.reward (fun _ a -> -0.5 * L.Square a.By)
        |> Mdp.terminalValue (fun s _ -> -L.Exp s.Y)

    use x =
        (Mdp.optimalIn PlanningSemantics.ExactPosterior alpha falling)
            .Solve(engine, IterativeLqr(Horizon = 1, From = [| from |], Tolerance = 1e-13))

    // −½u² − ½αε² − exp(y) with y = from + u + ½ε
    let y, u = x.State(1)[0], x.Action(0)[0]
    Assert.Equal(-exp y, u, 1e-6)
    Assert.Equal(from + u - 0.25 * exp y / alpha, y, 1e-6)
    let luck = 0.5 * exp y / alpha
    Assert.Equal(-0.5 * u * u - 0.5 * alpha * luck * luck - exp y, x.Returns[x.Iterations], 1e-6)

    refuses
        "\"falling\" has a discount of 0.9: under the exact posterior it is a probability of going on, and the value, r + α·log(γ·E[exp(V′/α)] + 1 − γ), is no quadratic form."
        (fun () -> IterativeLqr.derive 2 (Mdp.optimalIn PlanningSemantics.ExactPosterior 1.0 (falling |> Mdp.discount 0.9)))

/// Bits of a whole swing, from actions that rock.
let private swing (engine: Engine) =
    let rocking = Array.init 100 (fun k -> 2.0 * sin (0.3 * double k))
    (Mdp.optimal 0.1 pendulum).Solve(engine, IterativeLqr(Horizon = 100, Actions = rocking))

[<Theory>]
[<InlineData(Precision.Single)>]
[<InlineData(Precision.Double)>]
let ``A pendulum is swung up within its limits, and the return never falls`` (precision: Precision) =
    use engine = new Engine(EngineOptions(Threads = 2, Precision = precision))
    use x = swing engine
    Assert.True((precision = Precision.Single) || x.Converged, x.Explain())
    Assert.All(Seq.pairwise x.Returns, (fun (before, after) -> Assert.True(after >= before)))
    Assert.True(x.Returns[x.Iterations] > x.Returns[0] + 300.0)
    Assert.InRange(x.State(100)[0], -0.1, 0.1)
    let actions = [ for t in 0..99 -> x.Action(t)[0] ]
    Assert.All(actions, (fun a -> Assert.InRange(a, -2.0, 2.0)))
    Assert.Contains(2.0, actions)
    Assert.InRange(x.Act(ReadOnlySpan [| 3.0f; 1.0f |])[0], -2.0f, 2.0f)
    let text = x.Explain()
    Assert.Contains("iterative LQR, asked for", text)

[<Fact>]
let ``A trajectory has the same bits for any number of threads`` () =
    let bits threads =
        use engine = inDouble threads
        use x = swing engine
        x.Iterations, [ for t in 0..99 -> BitConverter.DoubleToInt64Bits(x.Action(t)[0]) ]

    let one = bits 1
    Assert.Equal(one, bits 2)
    Assert.Equal(one, bits 7)

[<Fact>]
let ``From hanging still without a hint it does not get stuck on what is not finite`` () =
    use engine = inDouble 2
    use x = (Mdp.optimal 0.1 pendulum).Solve(engine, IterativeLqr(Horizon = 60))
    Assert.All(Seq.pairwise x.Returns, (fun (before, after) -> Assert.True(after >= before)))
    Assert.All([ for t in 0..60 -> x.State(t)[0] ], (fun v -> Assert.True(Double.IsFinite v)))

type Limited =
    {
        [<Size(2); Within(-0.35, 0.35)>]
        U: Tensor
    }

[<Fact>]
let ``Limits on two numbers of an action are kept where the best is there`` () =
    use engine = inDouble 2
    let steps, from = 6, [| 1.5; -1.0 |]

    for seed in 1..3 do
        let n = random seed
        let free = specify false n

        let limited: Mdp<State, Limited, NoSettings> =
            let same (a: Limited) : Action = { U = a.U }

            Mdp.define "limited"
            |> Mdp.step (fun s a ->
                match free.Transition with
                | Some(Transition.Deterministic f) -> f s (same a) () (L.Zeros())
                | Some(Transition.Stochastic _)
                | None -> failwith "The plant without noise is deterministic.")
            |> Mdp.reward (fun s a -> free.Reward.Value s (same a) () (L.Zeros()))
            |> Mdp.terminalValue (fun s _ -> free.TerminalValue.Value s ())

        use x =
            (Mdp.optimal 1.0 limited).Solve(engine, IterativeLqr(Horizon = steps, From = from, Tolerance = 1e-12))

        // projected ascent on all actions together
        let value (u: double[]) = earned n 1.0 steps from (fun t -> u[2 * t .. 2 * t + 1]) (fun _ -> [||])
        let gradient, hessian = Dense.quadratic (2 * steps) value
        let mutable u = Array.zeroCreate<double>(2 * steps)

        for _ in 1..20000 do
            u <-
                u
                |> Array.mapi (fun i v ->
                    let slope = gradient[i] + Seq.sum (Seq.init u.Length (fun j -> hessian[i, j] * u[j]))
                    Math.Clamp(v + 0.01 * slope, -0.35, 0.35))

        Assert.Equal(value u, x.Returns[x.Iterations], 1e-7)

        Assert.All(
            [ 0 .. steps - 1 ],
            (fun t ->
                for k in 0..1 do
                    Assert.Equal(u[2 * t + k], x.Action(t)[k], 1e-4))
        )

[<Fact>]
let ``Near the top the pendulum is the linear one of its derivatives`` () =
    use engine = inDouble 2
    let near = Linearisation.about [| 0.0; 0.0 |] [| 0.0 |] pendulum

    let known: Mdp<Pose, Torque, NoSettings> =
        { near with
            Transition =
                Some(
                    Transition.Deterministic(fun s a _ _ ->
                        let speed = s.Speed + 0.75 * s.Angle + 0.15 * a.Torque
                        { Angle = s.Angle + 0.05 * speed; Speed = speed })
                )
            Reward = Some(fun s a _ _ -> -(L.Square s.Angle + 0.1 * L.Square s.Speed + 0.001 * L.Square a.Torque))
        }

    use x = (Mdp.optimal 1.0 near).Solve(engine, Riccati())
    use y = (Mdp.optimal 1.0 known).Solve(engine, Riccati())
    close (elements (y.Gain())) (Array.ofList (elements (x.Gain())))
    close (elements (y.Cost())) (Array.ofList (elements (x.Cost())))

    refuses "\"pendulum\" is linearised at 1 numbers of the state; Pose has 2." (fun () -> Linearisation.about [| 0.0 |] [| 0.0 |] pendulum)

[<Fact>]
let ``Noise, terminal values and tangents away from 0 are those of the point`` () =
    let bent: Mdp<Pose, Torque, NoSettings> =
        Mdp.define "bent"
        |> Mdp.transition (fun s a ->
            prob {
                let! gust = L.Sample("gust", L.Normal(L.Zeros(), L.Exp s.Angle))
                return { Angle = L.Square s.Angle + a.Torque * s.Speed; Speed = s.Speed + gust }
            })
        |> Mdp.reward (fun s a -> -(L.Exp s.Speed) - L.Square a.Torque * L.Exp s.Angle)
        |> Mdp.terminalValue (fun s _ -> -L.Exp s.Angle)

    let near = Linearisation.about [| 0.5; 2.0 |] [| 0.25 |] bent
    let s: Pose = { Angle = scalar 0.8; Speed = scalar 1.5 }
    let a = { Torque = scalar 0.5 }
    let e = exp 0.5

    let next, _ =
        match near.Transition with
        | Some(Transition.Stochastic f) -> Prob.trace (fun _ d -> L.Ones([| d.Shape[0] |]) * 0.5) (f s a () (scalar 0.0))
        | Some(Transition.Deterministic _)
        | None -> failwith "It draws."

    // x₀² + 2·x₀·Δx + a₀·v₀ + v₀·Δa + a₀·Δv
    Assert.Equal(0.25 + 0.3 + 0.5 + 0.5 - 0.125, number next.Angle, 1e-9)
    Assert.Equal(1.5 + 0.5 * e, number next.Speed, 1e-9)
    let e2 = exp 2.0

    let quadratic =
        -e2 * (1.0 - 0.5 + 0.125)
        - e * (0.0625 + 0.5 * 0.25 + 0.0625 + 0.0625 * 0.3 + 0.5 * 0.25 * 0.3 + 0.5 * 0.0625 * 0.09)

    Assert.Equal(quadratic, number (near.Reward.Value s a () (scalar 0.0)), 1e-9)
    Assert.Equal(-e * (1.0 + 0.3 + 0.045), number (near.TerminalValue.Value s ()), 1e-9)

[<Fact>]
let ``Options and processes that mean nothing are refused`` () =
    use engine = inDouble 2
    let solve (mdp: Mdp<Pose, Torque, NoSettings>) method = (Mdp.optimal 1.0 mdp).Solve(engine, (method: IterativeLqr))
    refuses "IterativeLqr.Horizon is 0." (fun () -> solve pendulum (IterativeLqr(Horizon = 0)))
    refuses "IterativeLqr.From is 3 numbers." (fun () -> solve pendulum (IterativeLqr(Horizon = 2, From = [| 0.0; 0.0; 0.0 |])))
    refuses "IterativeLqr.Actions is 1 numbers." (fun () -> solve pendulum (IterativeLqr(Horizon = 2, Actions = [| 0.0 |])))
    refuses "IterativeLqr.Tolerance is 0." (fun () -> solve pendulum (IterativeLqr(Horizon = 2, Tolerance = 0.0)))

    refuses "\"pendulum\" has no start, and IterativeLqr.From is not given: a trajectory begins somewhere." (fun () ->
        solve { pendulum with Start = None } (IterativeLqr(Horizon = 2)))

    let away = pendulum |> Mdp.step (fun s a -> { s with Speed = L.Exp(1000.0 * s.Angle) + a.Torque })
    let e = failure (fun () -> solve away (IterativeLqr(Horizon = 4)))
    Assert.StartsWith("The return of the first trajectory of \"pendulum\" is", e.Problem)

    let endless: Mdp<State, Action, NoSettings> =
        Mdp.define "endless"
        |> Mdp.step (fun s (a: Action) -> { X = s.X + a.U })
        |> Mdp.reward (fun s (a: Action) -> 0.5 * L.Sum(L.Square s.X) + 0.5 * L.Sum(L.Square a.U))

    let e =
        failure (fun () -> (Mdp.optimal 1.0 endless).Solve(engine, IterativeLqr(Horizon = 4, From = [| 1.0; 0.0 |])))

    Assert.StartsWith("The return of \"endless\" grows from 2 to ", e.Problem)

    let over = pendulum |> Mdp.termination (fun s _ -> L.Less(s.Angle, 0.0))

    refuses "\"pendulum\" has a termination, where its value breaks off: no quadratic form has such an edge." (fun () ->
        solve over (IterativeLqr(Horizon = 2)))
