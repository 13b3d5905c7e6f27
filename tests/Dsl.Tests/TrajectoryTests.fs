module Inference.Dsl.Tests.TrajectoryTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

type Point = { X: Tensor }
type Move = { By: Tensor }

/// x ← x + u, with reward u.
let private walk: Mdp<Point, Move, NoSettings> =
    Mdp.define "walk" |> Mdp.step (fun s u -> { X = s.X + u.By }) |> Mdp.reward (fun _ u -> u.By)

let private outcomeOf now x (settings: 'G) (optimal: Optimal<Point, Move, 'G>) (actions: double list) =
    let t = L.TimeIndex("step", actions.Length)
    let u = { By = L.Unstack(vector actions, t) }
    let outcome, _ = draw 1.0 0.0 (Trajectory.follow optimal t (scalar now) settings { X = scalar x } u)
    number outcome.Return, int (number outcome.FiniteSteps), number outcome.Final.X

/// What comes of actions from a state, by the first step's time: return, finite steps, last state.
let private followFrom now x (settings: 'G) (mdp: Mdp<Point, Move, 'G>) (actions: double list) =
    outcomeOf now x settings (Mdp.optimal 1.0 mdp) actions

let private follow mdp actions = followFrom 0.0 0.0 () mdp actions

[<Fact>]
let ``The return is the sum of the rewards, and the state is followed`` () =
    Assert.Equal((6.5, 4, 6.5), follow walk [ 1.0; 2.0; 3.0; 0.5 ])
    Assert.Equal((2.0, 1, 7.0), followFrom 0.0 5.0 () walk [ 2.0 ])

[<Fact>]
let ``The reward is that of the state before the step`` () =
    // x = 0, 1, 3
    Assert.Equal((4.0, 3, 6.0), follow (walk |> Mdp.reward (fun s _ -> s.X)) [ 1.0; 2.0; 3.0 ])

[<Fact>]
let ``A discount weighs each step and the terminal value`` () =
    let total, _, _ = follow (walk |> Mdp.discount 0.5) [ 1.0; 2.0; 4.0 ]
    Assert.Equal(1.0 + 1.0 + 1.0, total)

    let total, _, _ =
        follow (walk |> Mdp.discount 0.5 |> Mdp.terminalValue (fun s _ -> 8.0 * s.X)) [ 1.0; 2.0; 4.0 ]

    Assert.Equal(3.0 + 56.0 / 8.0, total)

[<Fact>]
let ``A terminal value is that of the last state`` () =
    Assert.Equal((3.0 + 30.0, 2, 3.0), follow (walk |> Mdp.terminalValue (fun s _ -> 10.0 * s.X)) [ 1.0; 2.0 ])

let private ending =
    walk
    |> Mdp.termination (fun s _ -> L.Less(2.5, s.X))
    |> Mdp.terminalValue (fun _ _ -> scalar 1000.0)

[<Fact>]
let ``The reward of the step that ends an episode counts, later ones and the terminal value do not`` () =
    // the third step leads to 3
    let total, _, _ = follow ending [ 1.0; 1.0; 1.0; 1.0; 1.0 ]
    Assert.Equal(3.0, total)

[<Fact>]
let ``An episode that ends with the last step has no terminal value`` () =
    let total, _, _ = follow ending [ 1.0; 1.0; 1.0 ]
    Assert.Equal(3.0, total)

[<Fact>]
let ``An episode that has not ended has its terminal value`` () =
    let total, _, _ = follow ending [ 1.0; 1.0 ]
    Assert.Equal(1002.0, total)

[<Fact>]
let ``An episode that has ended does not begin again`` () =
    // out at 3, back at 0
    let total, _, _ = follow ending [ 3.0; -3.0; 1.0 ]
    Assert.Equal(3.0, total)

[<Fact>]
let ``From a state that has ended the episode nothing counts`` () =
    let total, steps, _ = followFrom 0.0 3.0 () ending [ 1.0; 1.0 ]
    Assert.Equal((0.0, 2), (total, steps))
    // not even what is no number, nor after a way back
    let broken = ending |> Mdp.reward (fun s u -> L.Sqrt(2.0 - s.X) + u.By)
    let total, steps, _ = followFrom 0.0 3.0 () broken [ -2.0; 1.0 ]
    Assert.Equal((0.0, 2), (total, steps))

[<Fact>]
let ``Ends are those of the settings`` () =
    let process' =
        Mdp.define<Point, Move, Tensor> "walk"
        |> Mdp.stepWith (fun s u g _ -> { X = s.X + g * u.By })
        |> Mdp.rewardWith (fun _ u g _ -> g * u.By)
        |> Mdp.termination (fun s g -> L.Less(10.0 * g, s.X))
        |> Mdp.terminalValue (fun s g -> s.X + g)

    // steps of 4: 4, 8, 12, …; the bound is 20
    let total, _, final = followFrom 0.0 0.0 (scalar 2.0) process' [ 2.0; 2.0; 2.0 ]
    Assert.Equal((12.0 + 14.0, 12.0), (total, final))
    let total, _, _ = followFrom 0.0 0.0 (scalar 2.0) process' [ 2.0; 2.0; 2.0; 2.0; 2.0; 2.0; 2.0 ]
    Assert.Equal(24.0, total)

[<Fact>]
let ``Steps and rewards read the time since the start`` () =
    let clocked =
        walk |> Mdp.stepWith (fun s _ () t -> { X = s.X + t }) |> Mdp.rewardWith (fun _ _ () t -> t * t)

    Assert.Equal((100.0 + 121.0 + 144.0, 3, 33.0), followFrom 10.0 0.0 () clocked [ 0.0; 0.0; 0.0 ])

[<Fact>]
let ``The evidence of optimality is the return over the temperature`` () =
    let t = L.TimeIndex("step", 2)
    let u = { By = L.Unstack(vector [ 1.0; 2.0 ], t) }

    let evidence, _ =
        draw 1.0 0.0 (Trajectory.logEvidence (Mdp.optimal 0.25 walk) t (scalar 0.0) () { X = scalar 0.0 } u)

    Assert.Equal(12.0, number evidence)

[<Fact>]
let ``Under the exact posterior a discount is the probability of going on`` () =
    let alpha, gamma = 0.7, 0.8
    let worth = walk |> Mdp.discount gamma |> Mdp.terminalValue (fun s _ -> 0.25 * s.X)

    let exact mdp actions =
        outcomeOf 0.0 0.0 () (Mdp.optimalIn PlanningSemantics.ExactPosterior alpha mdp) actions

    let actions = [ 0.5; -1.2; 2.0; 0.3 ]

    // Q = r + α·log(γ·exp(V′/α) + 1 − γ), back from the terminal value
    let back last rewards =
        List.foldBack (fun r v -> r + alpha * log (gamma * exp (v / alpha) + 1.0 - gamma)) rewards last

    let value, steps, final = exact worth actions
    Assert.Equal(back (0.25 * 1.6) actions, value, 1e-12)
    Assert.Equal((4, 1.6), (steps, Math.Round(final, 12)))

    // an end cuts off as surely: the third step leads to 2.6 and counts
    let value, _, _ = exact (ending |> Mdp.discount gamma) [ 1.0; 1.0; 0.6; 5.0 ]
    Assert.Equal(back 0.0 [ 1.0; 1.0; 0.6 ], value, 1e-12)

    let value, _, _ =
        outcomeOf 0.0 9.0 () (Mdp.optimalIn PlanningSemantics.ExactPosterior alpha (ending |> Mdp.discount gamma)) [ 1.0 ]

    Assert.Equal(0.0, value, 1e-12)

    // undiscounted it is the sum of rewards
    Assert.Equal((1.6, 4, 1.6), exact walk actions |> fun (r, k, x) -> Math.Round(r, 12), k, Math.Round(x, 12))

    for bad in [ nan; -infinity; infinity ] do
        let value, steps, _ =
            exact (worth |> Mdp.reward (fun _ u -> L.Select(L.Less(1.5, u.By), bad, u.By))) actions

        Assert.False(Double.IsFinite value)
        Assert.Equal(2, steps)

[<Fact>]
let ``A reward that is not finite makes the return so, and the steps before it are counted`` () =
    let rooted = walk |> Mdp.reward (fun _ u -> L.Sqrt u.By)
    let total, steps, _ = follow rooted [ 1.0; 4.0; -1.0; 1.0 ]
    Assert.True(Double.IsNaN total)
    Assert.Equal(2, steps)
    let total, steps, _ = follow (walk |> Mdp.reward (fun _ u -> L.Log u.By)) [ 0.0; 1.0; 1.0 ]
    Assert.Equal((-infinity, 0), (total, steps))

[<Fact>]
let ``A state that is not finite poisons the return, though no reward reads it`` () =
    let blind f =
        walk |> Mdp.step (fun s u -> { X = f (s.X + u.By) }) |> Mdp.reward (fun _ _ -> scalar 1.0)

    for f in [ L.Sqrt; L.Log ] do
        // the state after the second step is √−1, or log 0
        let total, steps, _ = follow (blind (fun x -> x + 0.0 * f (1.5 - x))) [ 1.0; 1.0; -9.0 ]
        Assert.False(Double.IsFinite total)
        Assert.Equal(1, steps)

    // only the last state
    let total, steps, _ = follow (blind (fun x -> L.Select(L.Less(x, 2.5), x, infinity))) [ 1.0; 1.0; 1.0 ]
    Assert.True(Double.IsNaN total)
    Assert.Equal(2, steps)

[<Fact>]
let ``What happens after the end poisons nothing`` () =
    let broken =
        ending
        |> Mdp.step (fun s u -> { X = s.X + u.By + 0.0 * L.Sqrt(3.5 - s.X - u.By) })
        |> Mdp.reward (fun s u -> u.By + 0.0 * L.Sqrt(2.5 - s.X))

    let total, steps, _ = follow broken [ 1.0; 1.0; 1.0; 1.0; 1.0 ]
    Assert.Equal((3.0, 5), (total, steps))

[<Fact>]
let ``A part that is missing is an error that names it`` () =
    let none = Mdp.define<Point, Move, NoSettings> "walk"
    refuses "\"walk\" has no Reward." (fun () -> follow (none |> Mdp.step (fun s _ -> s)) [ 1.0 ])
    refuses "\"walk\" has no Step." (fun () -> follow (none |> Mdp.reward (fun s _ -> s.X)) [ 1.0 ])

[<Fact>]
let ``A stochastic step draws anew in each repetition and at each step`` () =
    let gusty =
        walk
        |> Mdp.transition (fun s _ ->
            prob {
                let! gust = L.Sample("gust", L.Normal(0.0, 1.0))
                return { X = s.X + gust }
            })

    let t, i = L.TimeIndex("step", 4), L.PlateIndex("rollout", 3)
    let u = { By = L.Unstack(vector [ 0.0; 0.0; 0.0; 0.0 ], t) }

    let outcome, trace =
        draw
            1.0
            0.0
            (L.Plate(i, Trajectory.follow (gusty |> Mdp.reward (fun s _ -> s.X) |> Mdp.optimal 1.0) t (scalar 0.0) () { X = scalar 0.0 } u))

    let gust = trace.Sites |> Seq.exactlyOne
    Assert.Equal("rollout/step/gust", gust.Path)
    let gusts = numbers (L.Stack(L.Stack(gust.Value, t), i)) |> Array.chunkBySize 4
    Assert.Equal(12, gusts |> Array.concat |> Array.distinct |> Array.length)
    close [ for g in gusts -> Array.sum g ] (numbers (L.Stack(outcome.Value.Final.X, i)))
    // x is read before each step
    close [ for g in gusts -> 3.0 * g[0] + 2.0 * g[1] + g[2] ] (numbers (L.Stack(outcome.Value.Return, i)))
