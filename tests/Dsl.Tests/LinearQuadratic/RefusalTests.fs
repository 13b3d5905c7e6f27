module Inference.Dsl.Tests.LinearQuadratic.RefusalTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.LinearQuadratic.RiccatiTests
open Xunit

let private cost (s: Cart) (a: Push) = -0.5 * (L.Square s.Position + L.Square s.Speed + L.Square a.Force)
let private still (s: Cart) (a: Push) : Cart = { Position = s.Position + s.Speed; Speed = s.Speed + a.Force }

let private derive (step: Cart -> Push -> Cart) (reward: Cart -> Push -> Tensor) =
    let process': Mdp<Cart, Push, NoSettings> = Mdp.define "cart" |> Mdp.step step |> Mdp.reward reward
    LinearQuadratic.derive 0 (Mdp.optimal 1.0 process')

[<Fact>]
let ``What is not affine is named with its field and its operation`` () =
    refuses "The step of \"cart\" is not affine: its field \"Speed\" takes sin of what moves with \"Position\"." (fun () ->
        derive (fun s a -> { still s a with Speed = 2.0 * L.Sin s.Position + a.Force }) cost)

    refuses "The step of \"cart\" is not affine: its field \"Position\" takes a product of what moves with \"Speed\", \"Force\"." (fun () ->
        derive (fun s a -> { still s a with Position = s.Speed * a.Force }) cost)

    refuses "The step of \"cart\" is not affine: its field \"Speed\" takes max of what moves with \"Speed\"." (fun () ->
        derive (fun s a -> { still s a with Speed = L.Clip(s.Speed, -1.0, 1.0) + a.Force }) cost)

    refuses "The step of \"cart\" is not affine: its field \"Speed\" takes a stopped gradient of what moves with \"Speed\"." (fun () ->
        derive (fun s a -> { still s a with Speed = L.StopGradient s.Speed + a.Force }) cost)

[<Fact>]
let ``What is not quadratic is named with its operation`` () =
    refuses "The reward of \"cart\" is not quadratic: it takes a product of what moves with \"Position\", \"Speed\"." (fun () ->
        derive still (fun s a -> cost s a - L.Square s.Position * L.Square s.Speed))

    refuses "The reward of \"cart\" is not quadratic: it takes abs of what moves with \"Force\"." (fun () ->
        derive still (fun s a -> cost s a - L.Abs a.Force))

[<Fact>]
let ``Polynomials are told by their degree, however they are written`` () =
    let step (s: Cart) (a: Push) : Cart =
        let both = L.Dot(L.Constant([| 1.0; 0.5; 0.0; 1.0 |], 2, 2), L.Pack(s.Position, s.Speed))

        {
            Position = L.Element(both, 0) / L.Exp(L.Fill 0.1)
            Speed = L.Select(L.Less(L.Fill 1.0, 2.0), L.Element(both, 1), L.Zeros()) + L.Pow(a.Force, 1.0)
        }

    let shape =
        (derive step (fun s a -> -0.5 * L.Pow(s.Position, 2.0) - L.Square a.Force * L.Exp(L.Fill 1.0))).Shape

    Assert.Equal((2, 1, 0), (shape.States, shape.Actions, shape.Noises))

[<Fact>]
let ``A step that solves a triangular system is affine`` () =
    let l = L.Constant([| 2.0; 0.0; 1.0; 4.0 |], 2, 2)

    let step (s: Cart) (a: Push) : Cart =
        let solved = L.TriangularSolve(l, L.Pack(s.Position, s.Speed))
        { Position = L.Element(solved, 0); Speed = L.Element(solved, 1) + a.Force }

    use engine = new Engine(EngineOptions(Threads = 2, Precision = Precision.Double))

    let solve step =
        let process': Mdp<Cart, Push, NoSettings> = Mdp.define "cart" |> Mdp.step step |> Mdp.reward cost
        use x = (Mdp.optimal 1.0 process').Solve(engine, Riccati())
        x.Cost() |> Seq.cast<double> |> Array.ofSeq

    let known =
        solve (fun s a ->
            {
                Position = 0.5 * s.Position
                Speed = 0.25 * s.Speed - 0.125 * s.Position + a.Force
            })

    close (List.ofArray known) (solve step)

[<Fact>]
let ``A reward of powers has their derivatives at 0`` () =
    use engine = new Engine(EngineOptions(Threads = 2, Precision = Precision.Double))

    let solve reward =
        let process': Mdp<Cart, Push, NoSettings> = Mdp.define "cart" |> Mdp.step still |> Mdp.reward reward
        use x = (Mdp.optimal 1.0 process').Solve(engine, Riccati())
        x.Cost() |> Seq.cast<double> |> List.ofSeq

    let powers (s: Cart) (a: Push) = -0.5 * (L.Pow(s.Position, 2.0) + L.Pow(s.Speed, 2.0) + L.Pow(a.Force, 2.0))
    Assert.Equal<double list>(solve cost, solve powers)

let private noisy (body: Cart -> Push -> Prob<Cart>) =
    let process': Mdp<Cart, Push, NoSettings> = Mdp.define "cart" |> Mdp.transition body |> Mdp.reward cost
    LinearQuadratic.derive 0 (Mdp.optimal 1.0 process')

[<Fact>]
let ``A site that is not Gaussian, or whose noise varies, is named where it stands`` () =
    let drawn (d: Cart -> Distribution) =
        noisy (fun s a ->
            prob {
                let! push = L.Sample("push", d s)
                return { still s a with Speed = s.Speed + a.Force + push }
            })

    refuses "The step of \"cart\" draws \"push\" from a Laplace, which is not Gaussian." (fun () ->
        drawn (fun _ -> L.Laplace(L.Zeros(), L.Ones())))

    let varies = failure (fun () -> drawn (fun s -> L.Normal(L.Zeros(), L.Exp s.Speed)))

    Assert.Equal(
        "The step of \"cart\" is not linear-Gaussian: the site \"push\" has a Normal whose covariance is not constant; it takes exp of what moves with \"Speed\".",
        varies.Problem
    )

    Assert.EndsWith("RefusalTests.fs", varies.Location.File)
    Assert.Equal((2, 1, 1), let s = (drawn (fun s -> L.Normal(0.1 * s.Speed, L.Fill 0.5))).Shape in s.States, s.Actions, s.Noises)

type Held =
    {
        [<Within(-1.0, 1.0)>]
        Force: Tensor
    }

type Gear =
    {
        [<Discrete(3)>]
        Number: Tensor
    }

[<Fact>]
let ``Actions with limits, discrete fields and terminations are refused`` () =
    let limited: Mdp<Cart, Held, NoSettings> =
        Mdp.define "cart"
        |> Mdp.step (fun s a -> { Position = s.Position; Speed = s.Speed + a.Force })
        |> Mdp.reward (fun _ a -> -0.5 * L.Square a.Force)

    refuses
        "The action \"Force\" of \"cart\" is held to -1 … 1; the Gaussian policy of a linear-quadratic process knows no limits."
        (fun () -> LinearQuadratic.derive 0 (Mdp.optimal 1.0 limited))

    let geared: Mdp<Cart, Gear, NoSettings> =
        Mdp.define "cart" |> Mdp.step (fun s _ -> s) |> Mdp.reward (fun s _ -> -0.5 * L.Square s.Speed)

    refuses "The field \"Number\" of the action Gear is discrete; a linear-quadratic process has real numbers." (fun () ->
        LinearQuadratic.derive 0 (Mdp.optimal 1.0 geared))

    refuses "\"double integrator\" has a termination, where its value breaks off: no quadratic form has such an edge." (fun () ->
        LinearQuadratic.derive 0 (Mdp.optimal 1.0 (integrator |> Mdp.termination (fun s _ -> L.Less(s.Position, 0.0)))))

[<Fact>]
let ``Solve says for each exact method why it does not fit`` () =
    use engine = new Engine(EngineOptions(Threads = 2))

    let process': Mdp<Cart, Push, NoSettings> =
        Mdp.define "cart"
        |> Mdp.step (fun s a -> { still s a with Speed = L.Sin s.Speed })
        |> Mdp.reward cost

    let e = failure (fun () -> (Mdp.optimal 1.0 process').Solve(engine))
    Assert.Contains("It is not finite: the field \"Position\" is not [Discrete].", e.Problem)
    Assert.Contains("It is not linear-quadratic: The step of \"cart\" is not affine", e.Problem)
    Assert.Contains("new IterativeLqr", e.Mend)
    Assert.Contains("new Mppi", e.Mend)

[<Fact>]
let ``A value that is infinite says in which direction, and by which action`` () =
    use engine = new Engine(EngineOptions(Threads = 2, Precision = Precision.Double))

    let solve (step: Cart -> Push -> Cart) reward gamma =
        let process': Mdp<Cart, Push, NoSettings> =
            Mdp.define "cart" |> Mdp.step step |> Mdp.reward reward |> Mdp.discount gamma

        (Mdp.optimal 1.0 process').Solve(engine, Riccati())

    // the position doubles by itself and no force reaches it
    let apart (s: Cart) (a: Push) : Cart = { Position = 1.5 * s.Position; Speed = 0.5 * s.Speed + a.Force }

    refuses
        "The value of \"cart\" is infinite: what lies in the direction Position = 1 grows by 1.5 a step, and no action holds it."
        (fun () -> solve apart cost 1.0)

    use discounted = solve apart cost 0.4
    Assert.True(discounted.ErrorBound.HasValue, discounted.Explain())

    let free = failure (fun () -> solve still (fun s _ -> -0.5 * L.Square s.Position) 1.0)
    Assert.StartsWith("−∂²Q/∂a² of \"cart\" is not positive definite at the action \"Force\" with 1 step to go", free.Problem)

    let drift (s: Cart) (_: Push) : Cart = { Position = s.Position; Speed = s.Speed }

    let e =
        failure (fun () ->
            (Mdp.optimal 1.0 (Mdp.define "cart" |> Mdp.step drift |> Mdp.reward cost: Mdp<Cart, Push, NoSettings>))
                .Solve(engine, Riccati(MaximumSteps = 100)))

    Assert.StartsWith("The value of \"cart\" still changes by 1 after 128 steps, most in the direction Position = 1", e.Problem)

    let pushed =
        failure (fun () ->
            (Mdp.optimal
                1.0
                (Mdp.define "cart" |> Mdp.step drift |> Mdp.reward (fun s a -> s.Speed - L.Square a.Force): Mdp<Cart, Push, NoSettings>))
                .Solve(engine, Riccati(MaximumSteps = 100)))

    Assert.StartsWith("The value of \"cart\" still changes by 1 after 128 steps, most in what Speed is worth at 0.", pushed.Problem)
    refuses "Riccati.Horizon is 0." (fun () -> (Mdp.optimal 1.0 integrator).Solve(engine, Riccati(Horizon = 0)))

[<Fact>]
let ``Luck that is worth more than it is improbable has no exact posterior`` () =
    use engine = new Engine(EngineOptions(Threads = 2, Precision = Precision.Double))

    let gamble alpha semantics =
        let process': Mdp<Cart, Push, NoSettings> =
            Mdp.define "gamble"
            |> Mdp.transition (fun s a ->
                prob {
                    let! wind = L.Sample("wind", L.Normal(L.Zeros(), L.Fill 1.0))
                    return { still s a with Position = s.Position + wind }
                })
            |> Mdp.reward (fun s a -> 0.5 * L.Square s.Position - 0.5 * L.Square s.Speed - 5.0 * L.Square a.Force)

        (Mdp.optimalIn semantics alpha process').Solve(engine, Riccati(Horizon = 2))

    let e = failure (fun () -> gamble 0.5 PlanningSemantics.ExactPosterior)
    Assert.StartsWith("E[exp(V/α)] of \"gamble\" is infinite with 2 steps to go", e.Problem)
    use warm = gamble 10.0 PlanningSemantics.ExactPosterior
    use neutral = gamble 0.5 PlanningSemantics.FixedDynamics
    Assert.True(Double.IsFinite(warm.Value(ReadOnlySpan [| 0.0f; 0.0f |])))
    Assert.True(Double.IsFinite(neutral.Value(ReadOnlySpan [| 0.0f; 0.0f |])))

    refuses
        "\"double integrator\" has a discount of 0.9: under the exact posterior it is a probability of going on, and the value, r + α·log(γ·E[exp(V′/α)] + 1 − γ), is no quadratic form."
        (fun () -> LinearQuadratic.derive 0 (Mdp.optimalIn PlanningSemantics.ExactPosterior 1.0 (integrator |> Mdp.discount 0.9)))

[<Fact>]
let ``A covariance that is not positive definite is named by its site`` () =
    use engine =
        new Engine(EngineOptions(Threads = 2, Precision = Precision.Double, Probed = Action<_, _>(fun _ _ -> ())))

    let solve (body: Cart -> Push -> Prob<Cart>) =
        let process': Mdp<Cart, Push, NoSettings> = Mdp.define "cart" |> Mdp.transition body |> Mdp.reward cost
        (Mdp.optimal 1.0 process').Solve(engine, Riccati(Horizon = 2))

    let gusts corner s a =
        prob {
            let! calm = L.Sample("calm", L.Normal(L.Zeros(), L.Ones()))

            let! gusts =
                L.Sample("gusts", L.MultivariateNormal(L.Zeros 2, L.Cholesky(tensor [ 2; 2 ] [ 1.0; 2.0; 2.0; corner ])))

            let moved = still s a

            return
                {
                    Position = moved.Position + calm + L.Element(gusts, 0)
                    Speed = moved.Speed + L.Element(gusts, 1)
                }
        }

    use fine = solve (gusts 5.0)
    Assert.Equal(2, fine.Horizon.Value)

    refuses "The covariance of the site \"gusts\" in the step of \"cart\" is not positive definite, or not finite." (fun () ->
        solve (gusts 3.0))

    refuses "The step of \"cart\" has a coefficient that is not finite, or a derivative that is not at 0." (fun () ->
        solve (fun s a -> Prob.result { still s a with Speed = a.Force / scalar 0.0 }))
