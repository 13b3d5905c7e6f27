module Inference.Dsl.Tests.MdpTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

type Place =
    {
        [<Size(2)>]
        Position: Tensor
        Fuel: Tensor
    }

type Push =
    {
        [<Size(2); Within(-1.0, 1.0)>]
        Force: Tensor
    }

type Goal = { Target: Tensor }

type Escape = { X: Tensor }

type Room =
    {
        [<Discrete(3)>]
        Number: Tensor
    }

let private flight = Mdp.define<Place, Push, Goal> "flight"

[<Fact>]
let ``A process knows its spaces and has no parts at first`` () =
    Assert.Equal((3, 2, 1), (flight.StateSpace.Count, flight.ActionSpace.Count, flight.SettingsSpace.Count))
    Assert.Equal("flight", flight.Name)
    Assert.Equal(1.0, flight.Discount)
    Assert.True(flight.Start.IsNone && flight.Transition.IsNone && flight.Reward.IsNone)
    Assert.True(flight.TerminalValue.IsNone && flight.Termination.IsNone && flight.Observation.IsNone)
    Assert.Equal(0, (Mdp.define<Place, Push, NoSettings> "free").SettingsSpace.Count)

[<Fact>]
let ``A record that is none is found when the process is defined`` () =
    let e = failure (fun () -> Mdp.define<Place, {| Name: string |}, NoSettings> "flight")
    Assert.Equal("The field \"Name\" is of type String; a record of a model holds tensors.", e.Problem)
    Assert.Equal("flight", e.Model)

[<Fact>]
let ``A step is stochastic if it is a program`` () =
    Assert.False((flight |> Mdp.step (fun s _ -> s)).IsStochastic)
    Assert.True((flight |> Mdp.transition (fun s _ -> Prob.result s)).IsStochastic)
    Assert.False(flight.IsStochastic)

[<Fact>]
let ``A step may draw from what has no mean in closed form`` () =
    let stepped =
        flight
        |> Mdp.transition (fun s _ ->
            prob {
                let! gust = L.Sample("gust", L.TanhNormal(s.Position, scalar 0.5))
                return { s with Position = s.Position + gust }
            })

    Assert.True stepped.IsStochastic

[<Fact>]
let ``What is wrong with a part is found where the part is given, and names the process`` () =
    let wrong problem (give: unit -> Mdp<Place, Push, Goal>) =
        let e = failure give
        Assert.Equal(problem, e.Problem)
        Assert.Equal("flight", e.Model)
        Assert.EndsWith("MdpTests.fs", e.Location.File)

    let fuelled s = { s with Fuel = s.Position }

    wrong "The step of \"flight\": the field \"Fuel\" of Place is declared with shape [] (a scalar); [2] came." (fun () ->
        flight |> Mdp.step (fun s _ -> fuelled s))

    wrong "The step of \"flight\": the field \"Fuel\" of Place is declared with shape [] (a scalar); [2] came." (fun () ->
        flight |> Mdp.transition (fun s _ -> Prob.result (fuelled s)))

    wrong "The start of \"flight\": the field \"Position\" of Place is declared with shape [2]; [3] came." (fun () ->
        flight |> Mdp.start (Prob.result { Position = L.Zeros 3; Fuel = L.Zeros() }))

    wrong "The reward of \"flight\" must be a scalar; [2] came." (fun () -> flight |> Mdp.reward (fun s _ -> s.Position))
    wrong "The terminal value of \"flight\" must be a scalar; [2] came." (fun () -> flight |> Mdp.terminalValue (fun s _ -> s.Position))

    wrong "The termination of \"flight\" must be a scalar; [2] came." (fun () ->
        flight |> Mdp.termination (fun s _ -> L.Less(s.Position, 0.0)))

    wrong "The termination of \"flight\" must be a Bool; F32 came." (fun () -> flight |> Mdp.termination (fun s _ -> s.Fuel))

    wrong "Add needs two values of one shape; [2] and [3] came." (fun () ->
        flight |> Mdp.observe (fun s -> L.Normal(s.Position + L.Zeros 3, 1.0)))

    wrong "The site \"x\" occurs twice." (fun () ->
        let x = L.Sample("x", L.Normal(0.0, 1.0))

        flight
        |> Mdp.transition (fun s _ ->
            prob {
                let! _ = x
                let! _ = x
                return s
            }))

[<Fact>]
let ``The parts of a process read state, action, settings and time`` () =
    let process' =
        flight
        |> Mdp.stepWith (fun s a g t -> { Position = s.Position + a.Force * g.Target; Fuel = s.Fuel - t })
        |> Mdp.rewardWith (fun s a g t -> L.Sum(s.Position * a.Force) + g.Target - t)
        |> Mdp.terminalValue (fun s g -> s.Fuel * g.Target)
        |> Mdp.termination (fun s g -> L.Less(s.Fuel, g.Target))

    let s, a, g, t =
        { Position = vector [ 1.0; 2.0 ]; Fuel = scalar 5.0 }, { Force = vector [ 10.0; 20.0 ] }, { Target = scalar 3.0 }, scalar 4.0

    Assert.Equal(50.0 + 3.0 - 4.0, number (process'.Reward.Value s a g t))
    Assert.Equal(15.0, number (process'.TerminalValue.Value s g))
    Assert.Equal(0.0, number (process'.Termination.Value s g))

    match process'.Transition with
    | Some(Transition.Deterministic f) ->
        let next = f s a g t
        close [ 31.0; 62.0 ] (numbers next.Position)
        Assert.Equal(1.0, number next.Fuel)
    | other -> failwith $"{other}"

[<Fact>]
let ``A step may draw one of few values and read a table by it`` () =
    let doors = L.Constant([| 0.0; 1.0; 2.0; 3.0; 4.0; 5.0; 6.0; 7.0; 8.0 |], 3, 3)
    let beyond = L.Integers([| 2; 0; 1 |])

    let maze =
        Mdp.define<Room, Push, NoSettings> "maze"
        |> Mdp.transition (fun s _ ->
            prob {
                let! next = L.Sample("next", L.Categorical(L.Gather(doors, s.Number)))
                return { Number = L.Gather(beyond, next) }
            })

    Assert.True maze.IsStochastic

[<Fact>]
let ``A discount is above 0 and at most 1, a temperature above 0`` () =
    for gamma in [ 0.0; -0.5; 1.5; nan ] do
        let e = failure (fun () -> flight |> Mdp.discount gamma)
        Assert.Equal($"The discount of \"flight\" is {gamma}.", e.Problem)
        Assert.Equal("flight", e.Model)

    for alpha in [ 0.0; -1.0; nan; infinity ] do
        let e = failure (fun () -> flight |> Mdp.optimal alpha)
        Assert.Equal($"The temperature of \"flight\" is {alpha}.", e.Problem)
        Assert.Equal("flight", e.Model)

    // what single precision takes for 0, nearly 0 or infinity
    for alpha in [ 1e-50; 1e-39; 1e39 ] do
        let e = failure (fun () -> flight |> Mdp.optimal alpha)
        Assert.Equal($"The temperature of \"flight\" is {alpha}.", e.Problem)
        Assert.Equal("Choose it between 1.2e-38 and 3.4e38: single precision does not reach further.", e.Mend)

    Assert.Equal(1e-30, (flight |> Mdp.optimal 1e-30).Temperature)
    Assert.Equal(0.9, (flight |> Mdp.discount 0.9).Discount)
    let optimal = flight |> Mdp.optimal 0.1
    Assert.Equal((0.1, PlanningSemantics.FixedDynamics), (optimal.Temperature, optimal.Semantics))
    Assert.Equal(PlanningSemantics.ExactPosterior, (flight |> Mdp.optimalIn PlanningSemantics.ExactPosterior 0.1).Semantics)

[<Fact>]
let ``An index that a part makes and does not reduce is refused`` () =
    let made () = L.Convert(Structure.position (L.PlateIndex("k", 4)), DType.F32)
    let process' = Mdp.define<Escape, Escape, NoSettings> "escaping"

    refuses "The step of \"escaping\" still varies over \"k\", which it has made itself." (fun () ->
        process' |> Mdp.step (fun s _ -> { X = s.X + made () }))

    refuses "The reward of \"escaping\" still varies over \"k\", which it has made itself." (fun () ->
        process' |> Mdp.reward (fun s _ -> s.X + made ()))

[<Fact>]
let ``A factor inside a step is refused`` () =
    let weighed =
        prob {
            do! Prob.factor (L.Fill 1.0)
            return { X = L.Fill 0.0 }
        }

    refuses "The step of \"weighed\" has a factor or an observation, which would have no effect on its decisions." (fun () ->
        Mdp.define<Escape, Escape, NoSettings> "weighed" |> Mdp.transition (fun _ _ -> weighed))
