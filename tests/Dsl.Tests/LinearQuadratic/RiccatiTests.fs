module Inference.Dsl.Tests.LinearQuadratic.RiccatiTests

open System
open Inference
open Inference.Dsl.Tests.LinearQuadratic.Plant
open Xunit

type Cart = { Position: Tensor; Speed: Tensor }
type Push = { Force: Tensor }

let private engineOf threads = new Engine(EngineOptions(Threads = threads, Precision = Precision.Double))
let private single (x: double[]) = x |> Array.map float32

let private near (expected: double) (actual: double) =
    Assert.InRange(actual, expected - 1e-7 * (1.0 + abs expected), expected + 1e-7 * (1.0 + abs expected))

let integrator: Mdp<Cart, Push, NoSettings> =
    Mdp.define "double integrator"
    |> Mdp.step (fun s a -> { Position = s.Position + s.Speed; Speed = s.Speed + a.Force })
    |> Mdp.reward (fun s a -> -0.5 * (L.Square s.Position + L.Square s.Speed + L.Square a.Force))

[<Fact>]
let ``The double integrator has the gain, the cost and the variance that are known`` () =
    use engine = new Engine(EngineOptions(Threads = 2))
    use x = (Mdp.optimal 1.0 integrator).Solve(engine, Riccati())
    let rounded (values: double[,]) = values |> Seq.cast<double> |> Seq.map (fun v -> Math.Round(v, 6)) |> List.ofSeq
    Assert.Equal<double list>([ 0.422082; 1.243929 ], rounded (x.Gain()))
    Assert.Equal<double list>([ 2.947123; 2.369205; 2.369205; 4.613134 ], rounded (x.Cost()))
    Assert.Equal<double list>([ 0.178154 ], rounded (x.Covariance()))
    Assert.InRange(x.ErrorBound.Value, 0.0, 1e-10)
    Assert.Equal(-0.422082f - 1.243929f * 2.0f, x.Act(ReadOnlySpan [| 1.0f; 2.0f |])[0], 1e-5f)

[<Theory>]
[<InlineData(1)>]
[<InlineData(6)>]
let ``A horizon's value and first action are those of all its actions at once`` (steps: int) =
    use engine = engineOf 2
    let start = [| 0.7; -1.3 |]
    let alpha = 0.6

    for seed in 1..3 do
        let n = { random seed with Growth = 0.25 }
        use x = (Mdp.optimal alpha (specify false n)).Solve(engine, Riccati(Horizon = Nullable steps))
        let start = start |> Array.map (fun v -> double (float32 v))
        let value (u: double[]) = earned n 1.0 steps start (fun t -> u[2 * t .. 2 * t + 1]) (fun _ -> [||])
        let best, at, logDeterminant, precision = Dense.maximise (2 * steps) value
        // α·log ∫ exp(J/α)
        let bonus = 0.5 * alpha * (double (2 * steps) * log (2.0 * Math.PI * alpha) - logDeterminant)
        near (best + bonus) (x.Value(ReadOnlySpan(single start)))
        let action = x.Act(ReadOnlySpan(single start))
        Assert.Equal(at[0], double action[0], 1e-5)
        Assert.Equal(at[1], double action[1], 1e-5)
        let covariance = x.Covariance()

        for k in 0..1 do
            near (alpha * (Dense.column precision k (2 * steps)).[0]) covariance[k, 0]

[<Fact>]
let ``The exact posterior is the marginal of the joint Gaussian of actions and noise`` () =
    use engine = engineOf 2
    let steps, alpha = 4, 0.8
    let start = [| 0.7; -1.3 |] |> Array.map (fun v -> double (float32 v))

    for seed in 1..4 do
        let n = random seed

        use x =
            (Mdp.optimalIn PlanningSemantics.ExactPosterior alpha (specify true n)).Solve(engine, Riccati(Horizon = Nullable steps))

        let m, k = 2 * steps, 3 * steps

        let value (u: double[]) =
            earned n 1.0 steps start (fun t -> u[2 * t .. 2 * t + 1]) (fun t -> u[m + 3 * t .. m + 3 * t + 2])
            - 0.5 * alpha * Array.sumBy (fun e -> e * e) u[m..]

        let best, at, logDeterminant, precision = Dense.maximise (m + k) value

        let bonus = 0.5 * alpha * (double m * log (2.0 * Math.PI) + double (m + k) * log alpha - logDeterminant)

        near (best + bonus) (x.Value(ReadOnlySpan(single start)))
        Assert.Equal(at[0], double (x.Act(ReadOnlySpan(single start))[0]), 1e-5)
        near (alpha * (Dense.column precision 0 (m + k)).[1]) (x.Covariance()[0, 1])

/// E[V(mean + G·ε)] of a quadratic V, exactly: by points on both sides along each normal.
let private expected (v: double[] -> double) (mean: double[]) (g: double[,]) =
    let along j sign = Array.init mean.Length (fun i -> mean[i] + sign * g[i, j])
    let at = v mean

    at
    + Seq.sum (seq { for j in 0 .. Array2D.length2 g - 1 -> 0.5 * (v (along j 1.0) + v (along j -1.0)) - at })

[<Theory>]
[<InlineData(PlanningSemantics.FixedDynamics, 0.9, 0)>]
[<InlineData(PlanningSemantics.FixedDynamics, 1.0, 3)>]
[<InlineData(PlanningSemantics.FixedDynamics, 1.0, 0)>]
[<InlineData(PlanningSemantics.Boltzmann, 0.9, 0)>]
[<InlineData(PlanningSemantics.Boltzmann, 0.8, 3)>]
let ``Values and policies satisfy their Bellman equations`` (semantics: PlanningSemantics) (gamma: double) (horizon: int) =
    use engine = engineOf 2
    let alpha = 0.7

    for seed in 1..3 do
        let n = random seed
        let process' = specify true n |> Mdp.discount gamma
        let method = if horizon = 0 then Riccati() else Riccati(Horizon = Nullable horizon)
        use x = (Mdp.optimalIn semantics alpha process').Solve(engine, method)
        let exactly = Array.map (float32 >> double)
        let s, u = exactly [| 0.4; -0.9 |], exactly [| -0.2; 0.6 |]

        let value (at: double[]) time =
            // single precision would spoil the difference: V from its own matrix and two look-ups
            x.Value(ReadOnlySpan(single at), time)

        // Q(s, a) = r + γ·E[V(s′)], where over an infinite horizon without a discount each step earns the average
        let smooth time =
            let zero, p = value [| 0.0; 0.0 |] time, x.Cost time

            let slope k =
                value (Array.init 2 (fun i -> if i = k then 1.0 else 0.0)) time - zero + 0.5 * p[k, k]

            fun (at: double[]) ->
                zero + Seq.sum (Seq.init 2 (fun k -> slope k * at[k]))
                - 0.5
                  * Seq.sum (
                      seq {
                          for i in 0..1 do
                              for j in 0..1 -> at[i] * p[i, j] * at[j]
                      }
                  )

        let next = expected (smooth 1) (step n s u [||]) (noise n)
        let q = reward n 0 s u + gamma * next - x.AverageReward
        near q (x.Q(ReadOnlySpan(single s), ReadOnlySpan(single u)))

        // V(s) = α·log ∫ exp(Q/α) = Q(s, a) − α·log π(a | s), or E_π[Q]
        let covariance = x.Covariance()
        let mean = Array.init 2 (fun k -> x.Offset()[k] - x.Gain()[k, 0] * s[0] - x.Gain()[k, 1] * s[1])
        let d = Array.map2 (-) u mean
        let w, logDeterminant = Dense.solve covariance d
        let squared = d[0] * w[0] + d[1] * w[1]

        let v =
            match semantics with
            | PlanningSemantics.Boltzmann -> q + 0.5 * alpha * squared - 0.5 * alpha * 2.0
            | _ -> q + alpha * (0.5 * squared + 0.5 * logDeterminant + log (2.0 * Math.PI))

        near v (value s 0)

[<Fact>]
let ``Far from the end a horizon's gain is that of an infinite one`` () =
    use engine = engineOf 2
    let process' = specify true (random 5) |> Mdp.discount 0.95
    use far = (Mdp.optimal 1.0 process').Solve(engine, Riccati(Horizon = 200))
    use endless = (Mdp.optimal 1.0 process').Solve(engine)
    let endless = Assert.IsType<LinearQuadraticSolution> endless
    Assert.Contains("chosen because the process is linear-quadratic", endless.Explain())

    for i in 0..1 do
        for j in 0..1 do
            near (endless.Gain()[i, j]) (far.Gain()[i, j])
            near (endless.Cost()[i, j]) (far.Cost()[i, j])

[<Fact>]
let ``A solution has the same bits for any number of threads`` () =
    let bits threads =
        use engine = engineOf threads
        use x = (Mdp.optimal 1.0 (specify true (random 7))).Solve(engine, Riccati(Horizon = 20))
        let numbers (a: double[,]) = a |> Seq.cast<double> |> Seq.map BitConverter.DoubleToInt64Bits |> List.ofSeq
        numbers (x.Gain()), numbers (x.Cost()), numbers (x.Covariance())

    let one = bits 1
    Assert.Equal(one, bits 2)
    Assert.Equal(one, bits 7)

[<Fact>]
let ``Settings and the time are numbers of a horizon's steps`` () =
    use engine = engineOf 2

    let aimed: Mdp<Cart, Push, Tensor> =
        Mdp.define "aimed"
        |> Mdp.stepWith (fun s a _ _ -> { Position = s.Position + a.Force; Speed = s.Speed })
        |> Mdp.rewardWith (fun s a goal time -> -0.5 * (L.Square(s.Position - goal - time) + 1e-6 * L.Square a.Force))

    use x = (Mdp.optimal 1.0 aimed).Solve(engine, Riccati(Horizon = 3), [| 2.0 |])
    // actions are nearly free: each step goes to where the next wants to be
    Assert.Equal(3.0f, x.Act(ReadOnlySpan [| 0.0f; 0.0f |], 0)[0], 1e-4f)
    Assert.Equal(4.0f, x.Act(ReadOnlySpan [| 0.0f; 0.0f |], 1)[0], 1e-4f)
