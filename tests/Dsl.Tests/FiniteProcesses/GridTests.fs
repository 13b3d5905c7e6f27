module Inference.Dsl.Tests.FiniteProcesses.GridTests

open System
open Inference
open Inference.Dsl.Tests.FiniteProcesses.Grid
open Xunit

let private inDouble () =
    new Engine(EngineOptions(Threads = 2, Precision = Precision.Double, Cache = false, Verify = true))

let private topRow (x: FiniteSolution) (expected: double list) digits =
    Assert.Equal<double>(expected, [ for k in 0..4 -> Math.Round(x.Values(0)[k], (digits: int)) ])

[<Fact>]
let ``The grid has the values that are known at α = 1`` () =
    use engine = inDouble ()
    use x = (Mdp.optimal 1.0 process').Solve(engine, ValueIteration())
    topRow x [ 12.1911; 15.0078; 12.2167; 11.8039; 9.3408 ] 4
    let pi = x.Probabilities(ReadOnlySpan [| 0.0f; 0.0f |], 0) |> Array.map (fun p -> Math.Round(p, 6))
    Assert.Equal<double>([| 0.027176; 0.013635; 0.027176; 0.932012 |], pi)
    Assert.Equal<float32>([| 3.0f |], x.Act(ReadOnlySpan [| 0.0f; 0.0f |]).ToArray())
    Assert.InRange(x.ErrorBound.Value, 0.0, 1e-6)

[<Fact>]
let ``Hard value iteration of the grid gives its optimal values`` () =
    use engine = inDouble ()
    let known = [ 21.9775; 24.4194; 21.9775; 19.4194; 17.4775 ]
    use x = (Mdp.optimal 1.0 process').Solve(engine, ValueIteration(Hard = true))
    topRow x known 4
    // up and right are as good from the cell left of (0, 1)'s lower neighbour
    Assert.Equal<double>([| 0.5; 0.0; 0.0; 0.5 |], x.Probabilities(ReadOnlySpan [| 1.0f; 0.0f |], 0))
    use cold = (Mdp.optimal 1e-7 process').Solve(engine, ValueIteration())
    topRow cold known 4

[<Fact>]
let ``At high temperatures the grid's values are those of its prior`` () =
    use engine = inDouble ()
    use x = (Mdp.optimal 1e7 process').Solve(engine, ValueIteration())
    topRow x [ 3.309; 8.789; 4.428; 5.322; 1.492 ] 3
    use single = new Engine(EngineOptions(Threads = 2, Cache = false))
    use y = (Mdp.optimal 1e7 process').Solve(single, ValueIteration())
    topRow y [ 3.309; 8.789; 4.428; 5.322; 1.492 ] 3

[<Fact>]
let ``Policy iteration finds what value iteration finds, within both bounds`` () =
    use engine = inDouble ()

    for alpha, hard in [ 1.0, false; 0.05, false; 1.0, true ] do
        let o = Mdp.optimal alpha process'
        use byValues = o.Solve(engine, ValueIteration(Hard = hard))
        use byPolicies = o.Solve(engine, PolicyIteration(Hard = hard))
        Assert.InRange(byPolicies.Improvements, 2, 12)

        for s in 0..24 do
            let apart = abs (byValues.Values(0)[s] - byPolicies.Values(0)[s])
            Assert.InRange(apart, 0.0, byValues.ErrorBound.Value + byPolicies.ErrorBound.Value)

[<Fact>]
let ``The bound in single precision holds what double precision finds`` () =
    use exact = inDouble ()
    use engine = new Engine(EngineOptions(Threads = 2, Cache = false))

    for alpha in [ 0.01; 1.0; 100.0 ] do
        let o = Mdp.optimal alpha process'
        use known = o.Solve(exact, ValueIteration(Tolerance = 1e-10))
        use x = o.Solve(engine, ValueIteration())

        for s in 0..24 do
            Assert.InRange(abs (known.Values(0)[s] - x.Values(0)[s]), 0.0, x.ErrorBound.Value)

[<Fact>]
let ``A Boltzmann policy of the grid is a fixed point, and no bound is claimed`` () =
    use engine = inDouble ()
    use x = (Mdp.optimalIn PlanningSemantics.Boltzmann 1.0 process').Solve(engine, ValueIteration())
    Assert.False x.ErrorBound.HasValue
    Assert.InRange(x.Residual, 0.0, 1e-6)
    Assert.Contains("no bound is claimed", x.Explain())

    // V(s) is the expected return of the policy: from the start, what forward messages earn
    let start = 20
    Assert.Equal(x.ExpectedReturn(), x.Values(0)[start], 1e-5)

[<Fact>]
let ``Values are the same to the bit for any number of threads`` () =
    let solved threads =
        use engine = new Engine(EngineOptions(Threads = threads, Cache = false))
        use x = (Mdp.optimal 1.0 process').Solve(engine, ValueIteration())
        x.Values(0).ToArray()

    let one = solved 1

    for threads in [ 2; 7 ] do
        Assert.Equal<double>(one, solved threads)
