module Inference.Dsl.Tests.FiniteProcesses.LayoutTests

open System
open Inference
open Inference.Dsl.Tests.FiniteProcesses.Trajectories
open Xunit

let private shape states : TableShape =
    { States = states; Actions = 2; Successors = 3; Uniform = true; Endless = true }

[<Fact>]
let ``Tables are laid out tile by tile, and what fills the last is nothing`` () =
    let laid = (shape 130).LayOut(Array.init (2 * 130) (fun k -> 1000 * (k / 130) + k % 130 + 1))
    Assert.Equal(9 * 2 * 16, laid.Length)

    for s in 0..129 do
        for row in 0..1 do
            Assert.Equal(1000 * row + s + 1, laid[(s / 16 * 2 + row) * 16 + s % 16])

    Assert.Equal(2 * 14, laid |> Array.filter ((=) 0) |> Array.length)
    Assert.Equal<int[]>([| 9; 2; 16 |], (shape 130).InputShape [| 2 |])
    Assert.Equal<int[]>([| 1; 2; 9 |], (shape 9).InputShape [| 2 |])

/// Backward induction by its definition.
let private expected (mdp: FiniteMdp) alpha steps =
    let place a k s = (a * mdp.Successors + k) * mdp.States + s

    let back (values: double[]) =
        Array.init mdp.States (fun s ->
            if mdp.EndsAt s then
                0.0
            else
                let q a =
                    mdp.Reward[a * mdp.States + s]
                    + mdp.Discount
                      * Seq.sum (seq { for k in 0 .. mdp.Successors - 1 -> mdp.Probability[place a k s] * values[mdp.Next[place a k s]] })

                alpha
                * log (Seq.sum (seq { for a in 0 .. mdp.Actions - 1 -> mdp.PriorOf(s, a) * exp (q a / alpha) })))

    let last = mdp.TerminalValue |> Array.mapi (fun s v -> if mdp.EndsAt s then 0.0 else v)
    Seq.fold (fun values _ -> back values) last [ 1..steps ]

[<Theory>]
[<InlineData(64)>]
[<InlineData(65)>]
[<InlineData(200)>]
let ``A process of several tiles is solved like any other, for any number of threads`` (states: int) =
    let mdp = random 3 states 3 2 0.95

    let solve threads precision =
        use engine =
            new Engine(EngineOptions(Threads = threads, Precision = precision, Cache = false, Verify = true))

        use x = mdp.Optimal(0.7).Solve(engine, BackwardInduction(Steps = 6))
        let d = x.Demonstrate(50, 6, 1L)
        x.Values(0).ToArray(), Array.concat (x.Occupancies 6), [ for row in d.States -> List.ofSeq row ]

    let values, masses, _ = solve 2 Precision.Double
    let known = expected mdp 0.7 6

    for s in 0 .. states - 1 do
        Assert.Equal(known[s], values[s], 1e-12)

    Assert.Equal(1.0, Array.sum (Array.truncate states masses), 1e-12)
    let one = solve 1 Precision.Single

    for threads in [ 2; 7 ] do
        Assert.Equal(one, solve threads Precision.Single)
