/// What is read from programs: which site reads which, where.
module Inference.Dsl.Tests.Graphs.ExtractionTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

let private normal mean = L.Normal(mean, L.Fill 1.0)
let private standard = normal (L.Fill 0.0)
let private graph program = ModelGraph.ofProgram "model" program
let private parents (g: ModelGraph) site = List.ofSeq (g.Parents site)
let private kinds (g: ModelGraph) = [ for n in g.Nodes -> n.Name, n.Kind ]

[<Fact>]
let ``A site reads what its distribution is computed from, and not what its parents read`` () =
    let g =
        graph (
            prob {
                let! a = L.Sample("a", standard)
                let! b = L.Sample("b", L.Normal(a, L.Exp a))
                let! _ = L.Sample("c", normal (b * b))
                do! L.Observe("y", normal b, L.Fill 0.5)
            }
        )

    Assert.Equal<string list>([], parents g "a")
    Assert.Equal<string list>([ "a" ], parents g "b")
    Assert.Equal<string list>([ "b" ], parents g "c")
    Assert.Equal<string list>([ "c"; "y" ], List.ofSeq (g.Children "b"))
    Assert.Equal<string list>([ "a"; "c"; "y" ], List.ofSeq (g.MarkovBlanket "b"))

    Assert.Equal<(string * NodeKind) list>(
        [ "a", NodeKind.Latent; "b", NodeKind.Latent; "c", NodeKind.Latent; "y", NodeKind.Observed ],
        kinds g
    )

[<Fact>]
let ``What is stacked along a plate and unstacked again is read at its own value, and what is summed at all`` () =
    let plate = L.PlateIndex("p", 4)

    let g =
        graph (
            prob {
                let! each = Prob.plate plate (L.Sample("x", L.Normal(L.Zeros 3, L.Ones 3)))
                let rows = L.Exp(2.0 * L.Stack(each.Value, plate) + 1.0)
                let turned = L.Unstack(rows, plate)
                let reversed = L.Unstack(Shapes.reverse [| 0 |] rows, plate)

                let! _ =
                    Prob.plate
                        plate
                        (prob {
                            let! _ = L.Sample("own", normal (L.Sum turned))
                            let! _ = L.Sample("other", normal (L.Sum reversed))
                            let! _ = L.Sample("mean", normal (L.MeanOver(plate, L.Sum each.Value)))
                            return ()
                        })

                let! _ = L.Sample("total", normal (L.Sum rows))
                return ()
            }
        )

    Assert.Equal<string list>([ "p/x" ], parents g "own")
    Assert.Equal<string list>([ "p/x[*]" ], parents g "other")
    Assert.Equal<string list>([ "p/x[*]" ], parents g "mean")
    Assert.Equal<string list>([ "p/x" ], parents g "total")
    Assert.True(g.Independent("own[i]", "x[j]").IsIndependent)
    Assert.False(g.Independent("mean[i]", "x[j]").IsIndependent)

type private Two = { Last: Tensor; BeforeLast: Tensor }

[<Fact>]
let ``A chain's carried draws are read as so many steps ago, and its start at the first steps`` () =
    let g =
        graph (
            prob {
                let! a = L.Sample("a", standard)
                let! b = L.Sample("b", standard)

                let! final, each =
                    Prob.markov (L.TimeIndex("t", 5)) { Last = b; BeforeLast = a } (fun s ->
                        prob {
                            let! x = L.Sample("x", normal (s.Last - s.BeforeLast))
                            return { Last = x; BeforeLast = s.Last }, x
                        })

                let! _ = L.Sample("end", normal (final.Last + final.BeforeLast))
                let! _ = L.Sample("sum", normal (L.SumOver(L.TimeIndex("u", 5), each * 0.0)))
                return ()
            }
        )

    Assert.Equal<string list>([ "a"; "b"; "t/x[t-2]"; "t/x[t-1]" ] |> List.sort, parents g "x" |> List.sort)
    Assert.Equal<string list>([ "t/x[last-1]"; "t/x[last]" ], parents g "end" |> List.sort)
    Assert.True(g.Independent("a", "x[1]", [ "b"; "x[0]" ]).IsIndependent)
    Assert.False(g.Independent("b", "x[1]", [ "a"; "x[0]" ]).IsIndependent)
    Assert.True(g.Independent("b", "x[2]", [ "x[0]"; "x[1]" ]).IsIndependent)
    Assert.True(g.Independent("end", "x[t]", [ "x[last]"; "x[last-1]" ]).IsIndependent)

type private Latent = { Hidden: Tensor; Code: Tensor; Scale: Tensor }

[<Fact>]
let ``What a chain computes from its own past is a node, and what it hands on as it is is none`` () =
    let g =
        graph (
            prob {
                let! scale = L.Sample("scale", L.Gamma(L.Fill 2.0, L.Fill 2.0))

                let! _ =
                    Prob.markov (L.TimeIndex("t", 6)) { Hidden = L.Fill 0.0; Code = L.Fill 0.0; Scale = scale } (fun s ->
                        prob {
                            let hidden = L.Tanh(s.Hidden + s.Code)
                            let! z = L.Sample("z", L.Normal(hidden, s.Scale))
                            do! L.Observe("y", normal (hidden + z), L.Fill 0.0)
                            return { Hidden = hidden; Code = z; Scale = s.Scale }, ()
                        })

                return ()
            }
        )

    Assert.Equal<string list>([ "scale"; "t/Hidden" ], parents g "z")
    Assert.Equal<string list>([ "t/z"; "t/Hidden" ], parents g "y")
    Assert.Equal<string list>([ "t/z[t-1]"; "t/Hidden[t-1]" ], parents g "Hidden")
    Assert.Equal(NodeKind.Deterministic, (g.Node "Hidden").Kind)
    Assert.True(g.Independent("y[1]", "y[3]", [ "z"; "scale" ]).IsIndependent)
    Assert.False(g.Independent("z[t+1]", "z[t-1]", [ "z[t]"; "scale" ]).IsIndependent)
    Assert.True(g.Independent("z[t+1]", "z[t-1]", [ "z[t]"; "Hidden[t]"; "scale" ]).IsIndependent)

[<Fact>]
let ``A value that is carried packed with others is known with them alone`` () =
    let program =
        Prob.markov (L.TimeIndex("t", 6)) (L.Zeros 2) (fun s ->
            prob {
                let! x = L.Sample("x", normal (L.Element(s, 0)))
                return L.Pack(x, L.Element(s, 0)), ()
            })

    let g = graph program
    Assert.Equal<string list>([ "t/state[t-1]" ], parents g "x")
    Assert.Equal<string list>([ "t/x"; "t/state[t-1]" ], parents g "state")

[<Fact>]
let ``An observed value that is read afterwards is read from its site, and before that from the input`` () =
    let program (y: Tensor) =
        prob {
            let! z = L.Sample("z", normal y)
            do! L.Observe("y", normal z, y)
            do! L.Observe("again", normal y, L.Fill 1.0)
        }

    let g = ModelGraph.ofModel (Model.defineTensor "model" (L.Input("y", [||])) program)
    Assert.Equal<string list>([ "y input" ], parents g "z")
    Assert.Equal<string list>([ "y" ], parents g "again")

[<Fact>]
let ``An autoregression of known values is a chain of their site`` () =
    let time = L.TimeIndex("t", 5)
    let data = L.Constant [| 1.0; 2.0; 3.0; 4.0; 5.0 |]

    let g =
        graph (
            Prob.markov time (L.Fill 0.0) (fun last ->
                prob {
                    let y = L.Unstack(data, time)
                    do! L.Observe("y", normal last, L.Unstack(data, time))
                    return y, ()
                })
        )

    Assert.Equal<string list>([ "t/y[t-1]" ], parents g "y")

[<Fact>]
let ``Handlers change the graph as they change the program`` () =
    let program =
        prob {
            let! a = L.Sample("a", standard)
            let! b = L.Sample("b", normal a)
            let! _ = L.Sample("c", normal (a + b))
            return ()
        }

    let intervened = graph (Handle.intervene (readOnlyDict [ "b", L.Fill 2.0 ]) program)
    Assert.Equal(NodeKind.Intervened, (intervened.Node "b").Kind)
    Assert.Equal<string list>([], parents intervened "b")
    Assert.Equal<string list>([ "a"; "b" ], parents intervened "c")
    Assert.Equal<string list>([ "a"; "b" ], parents ((graph program).Intervene "b") "c")
    Assert.Equal<string list>([], parents ((graph program).Intervene "b") "b")
    let conditioned = graph (Handle.condition (readOnlyDict [ "b", L.Fill 2.0 ]) program)
    Assert.Equal(NodeKind.Observed, (conditioned.Node "b").Kind)
    Assert.Equal<string list>([ "a" ], parents conditioned "b")
    let hidden = graph (Handle.block [ "a" ] program)
    Assert.False(hidden.Independent("b", "c").IsIndependent)

[<Fact>]
let ``Masks that read sites and values that are computed from sites are read as well; inputs and parameters are leaves`` () =
    let weight = Parameter.create "net.weight" [||] (Initializer.Constant 1.0)

    let g =
        ModelGraph.ofModel (
            Model.defineTensor "model" (L.Input("x", [||])) (fun x ->
                prob {
                    let! z = L.Sample("z", standard)
                    let! u = L.Sample("u", standard)
                    do! Handle.mask (L.Less(z, L.Fill 0.0)) (L.Observe("y", normal (weight * x), L.Fill 1.0))
                    do! L.Observe("v", standard, z + u)
                    do! Prob.factor (z * u)
                })
        )

    Assert.Equal<string list>([ "z"; "net.weight"; "x" ] |> List.sort, parents g "y" |> List.sort)
    Assert.Equal<string list>([ "z"; "u" ], parents g "v")
    Assert.Equal<string list>([ "z"; "u" ], parents g "factor")
    Assert.Equal(NodeKind.Parameter, (g.Node "net.weight").Kind)
    Assert.False(g.Independent("z[i]", "u[i]").IsIndependent)
    Assert.True(g.Independent("z[i]", "u[j]").IsIndependent)

[<Fact>]
let ``A site that has all its mass at a value is known with what it is computed from`` () =
    let g =
        graph (
            prob {
                let! a = L.Sample("a", standard)
                let! d = L.Sample("d", L.Dirac(2.0 * a))
                let! _ = L.Sample("x", normal d)
                let! _ = L.Sample("y", normal d)
                return ()
            }
        )

    Assert.True(g.Independent("x", "y", [ "a" ]).IsIndependent)
    Assert.False(g.Independent("x", "y").IsIndependent)
    Assert.True(g.Independent("a", "x", [ "d" ]).IsIndependent)

[<Fact>]
let ``A decision process has actions, carried states and a factor for its optimality`` () =
    let process': Mdp<struct (Tensor * Tensor), Tensor, NoSettings> =
        Mdp.define "process"
        |> Mdp.start (L.Sample("x", standard) |> Prob.map (fun x -> struct (x, L.Fill 0.0)))
        |> Mdp.step (fun (struct (x, v)) u -> struct (x + v, v + u))
        |> Mdp.reward (fun (struct (x, _)) u -> -(x * x) - u * u)

    let g = ModelGraph.ofMdp 5 process'
    Assert.Equal<string list>([ "time/Item2[time-1]"; "time/action/value" ], parents g "Item2" |> List.sort)
    Assert.Contains("time/action/value", parents g "factor")
    // rewards weigh what is done now by what was done before
    let answer = g.Independent("action/value[0]", "action/value[4]")
    Assert.False answer.IsIndependent
    Assert.EndsWith("is open: factor[4] weighs every run.", answer.Explanation)
    Assert.True(g.Independent("action/value[0]", "action/value[4]", [ "Item1[3]"; "Item2[3]" ]).IsIndependent)

[<Fact>]
let ``A site that depends on itself is refused with the way round`` () =
    let time = L.TimeIndex("t", 4)

    let circle =
        Prob.markov time (L.Fill 0.0) (fun s ->
            prob {
                let! x = L.Sample("x", normal s)
                let! y = L.Sample("y", normal (L.SumOver(time, x)))
                return y, ()
            })

    let e = failure (fun () -> graph circle)
    Assert.StartsWith("The site \"t/", e.Problem)
    Assert.Contains("depends on itself: ", e.Problem)
    Assert.Equal("ExtractionTests.fs", IO.Path.GetFileName e.Location.File)

[<Fact>]
let ``Names that are not known, or not clear, are answered with those that are near`` () =
    let g =
        graph (
            prob {
                let! _ = Prob.named "left" (L.Sample("theta", standard))
                let! _ = Prob.named "right" (L.Sample("theta", standard))
                let! x = Prob.plate (L.PlateIndex("p", 2)) (L.Sample("x", standard))
                return x
            }
        )

    let e = failure (fun () -> g.Parents "left/teta")
    Assert.Equal("The graph of \"model\" has no \"left/teta\".", e.Problem)
    Assert.StartsWith("Near are \"left/theta\"", e.Mend)
    refuses "\"theta\" may be any of \"left/theta\", \"right/theta\"." (fun () -> g.Parents "theta")
    refuses "\"x[1, 2]\" has 2 subscripts; \"p/x\" stands in p." (fun () -> g.Independent("x[1, 2]", "left/theta"))
    refuses "\"x[2]\": 2 is no value of \"p\"." (fun () -> g.Independent("x[2]", "left/theta"))
    refuses "\"x[i+1]\": the values of the plate \"p\" have no order." (fun () -> g.Independent("x[i+1]", "left/theta"))
    refuses "3 values of the plate \"p\" are named; it has 2." (fun () -> g.Independent("x[i]", "x[j]", [ "x[k]" ]))

    refuses "\"left/theta\" and \"left/theta\" share variables, or stand at no steps that there are." (fun () ->
        g.Independent("left/theta", "left/theta"))

[<Fact>]
let ``Long chains are answered in time that grows with their length alone`` () =
    let g =
        graph (
            Prob.markov (L.TimeIndex("t", 20_000)) (L.Fill 0.0) (fun s ->
                prob {
                    let! x = L.Sample("x", normal s)
                    do! L.Observe("y", normal x, L.Fill 0.0)
                    return x, ()
                })
        )

    Assert.True(g.Independent("x[0]", "x[last]", [ "x[10000]" ]).IsIndependent)
    Assert.Equal(20_000, g.Independent("x[0]", "x[last]", [ "y" ]).Path.Count)
