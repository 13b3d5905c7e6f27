namespace Inference.Dsl.Tests

open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.ExactBounds
open Xunit
open Xunit.Abstractions

type EstimatorTests(output: ITestOutputHelper) =
    let areUnbiased what = areUnbiased (fun text -> output.WriteLine text) what

    [<Fact>]
    member _.``Estimates for a Bernoulli average to the exact gradient``() =
        let model =
            prob {
                let! z = L.Sample("z", L.Bernoulli(logits = scalar -0.8))
                do! L.Observe("y", L.Normal(3.0 * z - 0.5, scalar 1.0), scalar 0.7)
            }

        let guide (t: Tensor list) = L.Sample("z", L.Bernoulli(logits = t[0]))
        let bound samples e t = EvidenceBound.derive (objective samples [ "z", e ]) model (guide t)
        let exact (t: Tensor list) = elbo (bits [ "z", [] ]) model (guide t)

        let spread =
            areUnbiased
                "Bernoulli"
                20000
                [ 0.4 ]
                exact
                [
                    "none", [], bound 4 none
                    "leave one out", [], bound 4 leaveOneOut
                    "moving average", [ "baseline.z", [| -2.3 |] ], bound 4 (Estimator.Score(Baseline.MovingAverage 0.9))
                    "learned", [], bound 4 (Estimator.Score(Baseline.Learned(scalar -2.5)))
                    "enumerated", [], bound 1 Estimator.Enumerated
                ]

        Assert.True(spread["leave one out"] < spread["none"])
        Assert.True(spread["moving average"] < spread["none"])
        Assert.True(spread["enumerated"] < 1e-12)

    [<Fact>]
    member _.``Estimates for a Categorical average to the exact gradient``() =
        let means = vector [ -1.0; 0.5; 2.0 ]

        let model =
            prob {
                let! z = L.Sample("z", L.Categorical(vector [ 0.1; -0.4; 0.6 ]))
                do! L.Observe("y", L.Normal(L.Gather(means, z), 1.0), scalar 0.9)
            }

        let guide (t: Tensor list) = L.Sample("z", L.Categorical(L.Pack(Array.ofList t)))
        let bound samples e t = EvidenceBound.derive (objective samples [ "z", e ]) model (guide t)
        let exact (t: Tensor list) = elbo (grid 1.0 [ "z", [], [ 0.0; 1.0; 2.0 ], DType.I32 ]) model (guide t)

        let spread =
            areUnbiased
                "Categorical"
                20000
                [ 0.5; 0.0; -0.3 ]
                exact
                [
                    "none", [], bound 3 none
                    "leave one out", [], bound 3 leaveOneOut
                    "enumerated", [], bound 1 Estimator.Enumerated
                ]

        Assert.True(spread["leave one out"] < spread["none"])

    [<Fact>]
    member _.``Estimates for a Normal average to the gradient by quadrature``() =
        let model =
            prob {
                let! z = L.Sample("z", L.Normal(0.0, 1.0))
                do! L.Observe("y", L.Normal(z * z, 0.8), scalar 1.1)
            }

        let guide (t: Tensor list) = L.Sample("z", L.Normal(t[0], L.Exp t[1]))
        let exact t = elbo (line "z" 800 -7.0 7.0) model (guide t)

        let bound samples sampled e t =
            let o = objective samples [ "z", e ]
            o.SampledDivergences <- sampled
            EvidenceBound.derive o model (guide t)

        let spread =
            areUnbiased
                "Normal"
                20000
                [ 0.6; -0.7 ]
                exact
                [
                    "none", [], bound 4 false none
                    "leave one out", [], bound 4 false leaveOneOut
                    "sampled divergence, leave one out", [], bound 4 true leaveOneOut
                    "reparameterised", [], bound 4 false Estimator.Reparameterised
                    "sampled divergence, reparameterised", [], bound 4 true Estimator.Reparameterised
                ]

        Assert.True(spread["leave one out"] < spread["none"])
        Assert.True(spread["reparameterised"] < spread["none"])

    [<Fact>]
    member _.``A score takes in all that its draw reaches, beside its plate and through sums over it``() =
        let i = L.PlateIndex("i", 3)
        let data = L.Unstack(vector [ 0.5; 2.5; 1.0 ], i)

        let model =
            prob {
                let! b = L.Sample("b", L.Bernoulli(logits = scalar 0.2))
                let! z = L.Plate(i, L.Sample("z", L.Bernoulli(logits = scalar -0.3)))
                let total = L.SumOver(i, z.Value)
                do! L.Observe("total", L.Normal(total + b, 1.0), scalar 1.7)
                // of no plate in its value, but three times in all
                let! _ = L.Plate(i, L.Observe("alike", L.Normal(b, 1.0), scalar 0.9))
                let! _ = L.Plate(i, L.Factor(-0.3 * z.Value * b))
                let! _ = L.Plate(i, L.Observe("each", L.Normal(z.Value + total, 1.0), data))
                return ()
            }

        let guide (t: Tensor list) =
            prob {
                let! b = L.Sample("b", L.Bernoulli(logits = t[0]))
                let! _ = L.Plate(i, L.Sample("z", L.Bernoulli(logits = t[1] + b)))
                return ()
            }

        let exact t = elbo (bits [ "b", []; "i/z", [ i ] ]) model (guide t)

        let bound samples baseline t =
            let e = Estimator.Score baseline
            EvidenceBound.derive (objective samples [ "b", e; "i/z", e ]) model (guide t)

        let spread =
            areUnbiased
                "plate"
                20000
                [ 0.4; -0.6 ]
                exact
                [ "none", [], bound 3 Baseline.Nothing; "leave one out", [], bound 3 Baseline.LeaveOneOut ]

        Assert.True(spread["leave one out"] < spread["none"])

    [<Fact>]
    member _.``A score in a chain takes in what later steps make of its draw``() =
        let t = L.TimeIndex("t", 3)
        let data = L.Unstack(vector [ 0.5; 2.0; 1.5 ], t)

        let chain (site: Tensor -> Distribution) (see: Tensor -> Prob<unit>) =
            L.Markov(
                t,
                scalar 0.2,
                fun s ->
                    prob {
                        let! z = L.Sample("z", site s)
                        let next = 0.7 * s + z
                        do! see next
                        return next
                    }
            )

        let model =
            chain (fun s -> L.Bernoulli(logits = 0.3 * s)) (fun s -> L.Observe("y", L.Normal(s, 0.7), data))

        let guide (p: Tensor list) =
            chain (fun s -> L.Bernoulli(logits = p[0] + p[1] * s)) (fun _ -> Prob.result ())

        let exact p = elbo (bits [ "t/z", [ t ] ]) model (guide p)
        let bound samples e p = EvidenceBound.derive (objective samples [ "t/z", e ]) model (guide p)

        let spread =
            areUnbiased "chain" 20000 [ 0.3; -0.5 ] exact [ "none", [], bound 3 none; "leave one out", [], bound 3 leaveOneOut ]

        Assert.True(spread["leave one out"] < spread["none"])

    [<Fact>]
    member _.``Sites of several estimators average to the exact gradient together``() =
        let points, width = Statistics.cells 300 -6.0 6.0

        let model =
            prob {
                let! a = L.Sample("a", L.Bernoulli(logits = scalar 0.5))
                let! b = L.Sample("b", L.Bernoulli(logits = a - 0.5))
                let! z = L.Sample("z", L.Normal(a + b, 1.0))
                do! L.Observe("y", L.Normal(L.Sin(2.0 * z) + b, 0.7), scalar 0.4)
            }

        let guide (t: Tensor list) =
            prob {
                let! a = L.Sample("a", L.Bernoulli(logits = t[0]))
                let! b = L.Sample("b", L.Bernoulli(logits = t[1] - a))
                let! _ = L.Sample("z", L.Normal(t[2] + 0.5 * a - b, L.Exp(t[0] - 0.3)))
                return ()
            }

        let both = [ 0.0; 1.0 ]

        let exact t =
            elbo
                (grid width [ "a", [], both, DType.F32; "b", [], both, DType.F32; "z", [], List.ofArray points, DType.F32 ])
                model
                (guide t)

        let bound a b t = EvidenceBound.derive (objective 2 [ "a", a; "b", b ]) model (guide t)

        areUnbiased
            "three sites"
            20000
            [ 0.2; 0.4; 0.7 ]
            exact
            [
                "scores", [], bound leaveOneOut none
                "score, enumerated", [], bound leaveOneOut Estimator.Enumerated
                "enumerated, score", [], bound Estimator.Enumerated leaveOneOut
                "enumerated", [], bound Estimator.Enumerated Estimator.Enumerated
            ]
        |> ignore

    [<Fact>]
    member _.``A score weighs what is masked and scaled as the bound does``() =
        let i = L.PlateIndex("i", 3)
        let present = L.Unstack(L.Less(vector [ 0.0; 1.0; 0.0 ], 0.5), i)
        let weigh (body: Prob<'T>) = body |> Handle.mask present |> Handle.scale (scalar 2.5)

        let model =
            L.Plate(
                i,
                weigh (
                    prob {
                        let! z = L.Sample("z", L.Bernoulli(logits = scalar 0.2))
                        do! L.Observe("y", L.Normal(2.0 * z, 1.0), scalar 1.4)
                    }
                )
            )

        let z (t: Tensor list) = L.Sample("z", L.Bernoulli(logits = t[0]))
        let guide t = L.Plate(i, z t)
        let weighed t = L.Plate(i, weigh (z t))

        let exact t =
            meanOver (bits [ "i/z", [ i ] ]) (guide t) (fun g -> logJoint g model - logJoint g (weighed t))

        let bound e t = EvidenceBound.derive (objective 2 [ "i/z", e ]) model (guide t)

        areUnbiased "weighed" 20000 [ 0.4 ] exact [ "leave one out", [], bound leaveOneOut; "enumerated", [], bound Estimator.Enumerated ]
        |> ignore
