module Inference.Dsl.Tests.FiniteProcesses.TabulationTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

type Shelf =
    {
        [<Discrete(3); Size(2)>]
        Stock: Tensor
        [<Discrete(2)>]
        Open: Tensor
    }

type Order =
    {
        [<Discrete(2)>]
        Units: Tensor
    }

type Level = { Height: Tensor }

let private whole (x: double) = Build.scalar DType.I32 x

/// Sales take from the first kind; a restocking door opens and closes.
let private shop =
    Mdp.define<Shelf, Order, NoSettings> "shop"
    |> Mdp.transition (fun s a ->
        prob {
            let! sold = L.Sample("sold", L.Categorical(L.Log(L.Constant([| 0.5; 0.3; 0.2 |]))))
            let! opens = L.Sample("opens", L.Bernoulli(probability = Build.scalar DType.F32 0.25))
            let kept = L.Max(L.Element(s.Stock, 0) - sold, whole 0.0)
            let added = L.Min(L.Element(s.Stock, 1) + a.Units, whole 2.0)

            return { Stock = L.Pack(kept, added); Open = L.Convert(opens, DType.I32) }
        })
    |> Mdp.reward (fun s a -> L.Convert(L.Sum(s.Stock) + 10.0 * s.Open - 100.0 * a.Units, DType.F32))
    |> Mdp.termination (fun s _ -> L.Equal(L.Sum(s.Stock), whole 0.0))
    |> Mdp.terminalValue (fun s _ -> L.Convert(s.Open, DType.F32) * 0.5)
    |> Mdp.discount 0.95

let private tabulate (mdp: Mdp<'S, 'A, NoSettings>) =
    use engine =
        new Engine(EngineOptions(Threads = 2, Precision = Precision.Double, Cache = false, Verify = true))

    mdp.Tabulate(engine)

/// p(s′ | s, a) of a state and an action.
let private row (mdp: FiniteMdp) state action =
    [
        for k in 0 .. mdp.Successors - 1 do
            let place = (action * mdp.Successors + k) * mdp.States + state

            if mdp.Probability[place] > 0.0 then
                mdp.Next[place], Math.Round(mdp.Probability[place], 12)
    ]
    |> List.sort

[<Fact>]
let ``A specification is evaluated at every state and action, over all that its sites may draw`` () =
    let table = tabulate shop
    Assert.Equal((18, 2, 6), (table.States, table.Actions, table.Successors))
    // stock (1, 2), closed: state 1·6 + 2·2 + 0
    Assert.Equal("Stock[0] 1, Stock[1] 2, Open 0", table.State 10)
    // what sells 1 or 2 leaves nothing: two outcomes are one successor
    Assert.Equal<(int * double) list>([ 4, 0.375; 5, 0.125; 10, 0.375; 11, 0.125 ], row table 10 1)
    Assert.Equal(-97.0, table.Reward[18 + 10])
    Assert.Equal(13.0, table.Reward[11])
    Assert.Equal<bool>([| true; true; false |], Array.truncate 3 table.Ends)
    // an end is worth nothing, whatever the specification says of it
    Assert.Equal<double>([| 0.0; 0.0; 0.0; 0.5 |], Array.truncate 4 table.TerminalValue)
    Assert.Null table.Prior
    Assert.Null table.Start

[<Fact>]
let ``A start and a prior policy are tabulated as well`` () =
    use engine =
        new Engine(EngineOptions(Threads = 2, Precision = Precision.Double, Cache = false, Verify = true))

    let starting =
        shop
        |> Mdp.start (
            prob {
                let! first = L.Sample("first", L.Bernoulli(probability = Build.scalar DType.F32 0.75))
                return { Stock = L.Pack(L.Convert(first, DType.I32), whole 2.0); Open = whole 1.0 }
            }
        )

    let table =
        starting.Tabulate(engine, (fun s a -> L.Convert(a.Units * s.Open, DType.F32) * Math.Log 3.0))

    Assert.Equal(0.25, table.Start[5], 1e-12)
    Assert.Equal(0.75, table.Start[11], 1e-12)
    Assert.Equal(1.0, Array.sum table.Start, 1e-12)
    Assert.Equal(0.5, table.PriorOf(0, 1), 1e-12)
    Assert.Equal(0.75, table.PriorOf(1, 1), 1e-12)

[<Fact>]
let ``What is not finite is an error that names it`` () =
    let level =
        Mdp.define<Level, Order, NoSettings> "level"
        |> Mdp.step (fun s _ -> s)
        |> Mdp.reward (fun _ _ -> L.Zeros())

    refuses "The field \"Height\" of the state Level is not finite: an exact solution visits every value." (fun () -> tabulate level)

    let windy =
        shop
        |> Mdp.transition (fun s _ ->
            prob {
                let! _ = L.Sample("gust", L.Normal(0.0, 1.0))
                return s
            })

    let e = failure (fun () -> tabulate windy)
    Assert.Equal("The step of \"shop\" draws \"gust\" from a Normal, whose values cannot be listed.", e.Problem)
    Assert.EndsWith("TabulationTests.fs", e.Location.File)
    Assert.Equal("shop", e.Model)

    let repeated =
        shop
        |> Mdp.transition (fun s _ ->
            prob {
                let! _ = L.Plate("door", 2, L.Sample("opens", L.Bernoulli(logits = Build.scalar DType.F32 0.0)))
                return s
            })

    let together =
        shop
        |> Mdp.transition (fun s _ ->
            prob {
                let! _ = L.Sample("doors", L.Bernoulli(logits = L.Zeros 2))
                return s
            })

    refuses "The step of \"shop\" draws several values of \"doors\" together, which exact solutions do not enumerate." (fun () ->
        tabulate together)

    refuses "The step of \"shop\" draws \"door/opens\" within a plate or chain, which exact solutions do not enumerate." (fun () ->
        tabulate repeated)

[<Fact>]
let ``A step out of its fields is an error that names the state, the action and the field`` () =
    let growing =
        shop
        |> Mdp.step (fun s a ->
            { s with
                Stock = L.Pack(L.Element(s.Stock, 0), L.Element(s.Stock, 1) + a.Units)
            })

    refuses
        "The step of \"shop\" from Stock[0] 0, Stock[1] 2, Open 0 by Units 1: the field \"Stock[1]\" becomes 3; its values are 0 … 2."
        (fun () -> tabulate growing)

    let halved = shop |> Mdp.step (fun s _ -> { s with Open = 0.5 * L.Convert(s.Open, DType.F32) })

    refuses
        "The step of \"shop\" from Stock[0] 0, Stock[1] 1, Open 1 by Units 0: the field \"Open\" becomes 0.5; its values are 0 … 1."
        (fun () -> tabulate halved)

[<Fact>]
let ``What is said of an end does not count: no step is taken from it`` () =
    use engine =
        new Engine(EngineOptions(Threads = 2, Precision = Precision.Double, Cache = false, Verify = true))

    let countdown =
        Mdp.define<Order, Order, NoSettings> "countdown"
        |> Mdp.step (fun s _ -> { Units = s.Units - whole 1.0 })
        |> Mdp.reward (fun s _ -> 1.0 / L.Convert(s.Units, DType.F32))
        |> Mdp.terminalValue (fun s _ -> L.Log(L.Convert(s.Units, DType.F32)))
        |> Mdp.termination (fun s _ -> L.Equal(s.Units, whole 0.0))

    use x = (Mdp.optimal 1.0 countdown).Solve(engine, ValueIteration())
    Assert.Equal<double>([| 0.0; 1.0 |], x.Values(0).ToArray())

[<Fact>]
let ``Log-weights that are no policy are refused with the state`` () =
    use engine = new Engine(EngineOptions(Threads = 1, Cache = false))
    let idle = shop |> Mdp.step (fun s _ -> s)

    let weighed weight =
        idle.Tabulate(engine, (fun s a -> weight (L.Convert(s.Open, DType.F32)) (L.Convert(a.Units, DType.F32))))

    refuses "The prior policy of \"shop\" forbids every action in Stock[0] 0, Stock[1] 0, Open 1." (fun () ->
        weighed (fun isOpen _ -> L.Select(L.Less(0.5, isOpen), scalar -infinity, scalar 0.0)))

    refuses "The prior policy of \"shop\" has a log-weight of NaN in Stock[0] 0, Stock[1] 0, Open 1 for Units 1." (fun () ->
        weighed (fun isOpen units -> L.Sqrt(-1.0 * isOpen * units)))

    let one = weighed (fun _ units -> L.Select(L.Less(0.5, units), scalar -infinity, scalar 3.0))
    Assert.Equal((1.0, 0.0), (one.PriorOf(5, 0), one.PriorOf(5, 1)))

[<Fact>]
let ``A part that reads the time is refused`` () =
    let ageing = shop |> Mdp.rewardWith (fun _ _ _ t -> -t)
    refuses "\"shop\" reads the time, and its tables would differ from step to step." (fun () -> tabulate ageing)

[<Fact>]
let ``A model too large is refused before anything is allocated`` () =
    let vast =
        Mdp.define<{| Digits: Shelf; More: Order |}, Order, NoSettings> "small"
        |> Mdp.step (fun s _ -> s)
        |> Mdp.reward (fun _ _ -> L.Zeros())

    Assert.Equal(36, (tabulate vast).States)

    let huge =
        { vast.StateSpace with
            Leaves = Array.collect (fun l -> Array.init 12 (fun _ -> l)) vast.StateSpace.Leaves
        }

    let e = failure (fun () -> FiniteSpace.require "state" huge)
    Assert.Contains("values; an exact solution visits every one.", e.Problem)

[<Fact>]
let ``Rows that do not sum to one are refused with their sum, and so is what is no probability`` () =
    let reward = Array2D.zeroCreate 2 1

    let ofRows rows =
        FiniteMdp.ofTransition "maze" (Array3D.init 2 1 2 (fun s _ k -> List.item k (List.item s rows))) reward 0.9

    refuses "The probabilities of \"maze\" from state 1 by action 0 sum to 0.9." (fun () -> ofRows [ [ 0.5; 0.5 ]; [ 0.4; 0.5 ] ])

    refuses "\"maze\" has a probability of -0.5 from state 0 by action 0." (fun () -> ofRows [ [ 1.5; -0.5 ]; [ 0.5; 0.5 ] ])
    let next = Array3D.create 2 1 1 2

    refuses "\"maze\" leads from state 0 by action 0 to state 2, which is missing: there are states 0 … 1." (fun () ->
        FiniteMdp.ofSuccessors "maze" next (Array3D.create 2 1 1 1.0) reward 0.9)

    let whole = ofRows [ [ 0.5; 0.5 ]; [ 0.0; 1.0 ] ]
    refuses "The prior policy of \"maze\" in state 0 sums to 0.5." (fun () -> whole |> FiniteMdp.withPrior [| 0.5; 1.0 |])
    refuses "The start of \"maze\" has probabilities that sum to 2." (fun () -> whole |> FiniteMdp.startingFrom [| 1.0; 1.0 |])
