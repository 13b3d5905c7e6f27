namespace Inference.Dsl.Tests

open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.ExactBounds
open Xunit
open Xunit.Abstractions

type WeightedEstimatorTests(output: ITestOutputHelper) =
    let areUnbiased what = areUnbiased (fun text -> output.WriteLine text) what

    [<Fact>]
    member _.``Scores of weighted samples average to the gradient of the weighted bound``() =
        let i = L.PlateIndex("i", 2)
        let data = L.Unstack(vector [ 0.5; 2.5 ], i)

        let model =
            L.Plate(
                i,
                prob {
                    let! z = L.Sample("z", L.Bernoulli(logits = scalar 0.2))
                    do! L.Observe("y", L.Normal(2.0 * z, 1.0), data)
                }
            )

        let guide (t: Tensor list) = L.Plate(i, L.Sample("z", L.Bernoulli(logits = t[0] + data)))

        for order, samples in [ 0.0, 3; 0.4, 2 ] do
            let exact t =
                powerBound order [ for _ in 1..samples -> bits [ "i/z", [ i ] ] ] model (guide t)

            let bound e t =
                let o = objective samples [ "i/z", e ]
                o.Order <- order
                EvidenceBound.derive o model (guide t)

            let spread =
                areUnbiased
                    $"order {order}"
                    20000
                    [ -0.3 ]
                    exact
                    [
                        "none", [], bound none
                        "leave one out", [], bound leaveOneOut
                        "learned", [], bound (Estimator.Score(Baseline.Learned(scalar -3.0)))
                    ]

            Assert.True(spread["leave one out"] < spread["none"])

    [<Fact>]
    member _.``Weighted samples of a Normal average to the gradient by quadrature``() =
        let model =
            prob {
                let! z = L.Sample("z", L.Normal(0.0, 1.0))
                do! L.Observe("y", L.Normal(z * z, 0.8), scalar 1.1)
            }

        let guide (t: Tensor list) = L.Sample("z", L.Normal(t[0], L.Exp t[1]))

        for order in [ 0.0; 0.5 ] do
            let exact t =
                powerBound order [ line "z" 120 -5.0 5.0; line "z" 120 -5.0 5.0 ] model (guide t)

            let bound e t =
                let o = objective 2 [ "z", e ]
                o.Order <- order
                EvidenceBound.derive o model (guide t)

            areUnbiased
                $"Normal, order {order}"
                20000
                [ 0.3; -0.2 ]
                exact
                [ "leave one out", [], bound leaveOneOut; "reparameterised", [], bound Estimator.Reparameterised ]
            |> ignore

    [<Fact>]
    member _.``Scored sites before and after one that is reparameterised average to the gradient of the weighted bound``() =
        let points, width = Statistics.cells 40 -5.0 5.0

        let model =
            prob {
                let! k = L.Sample("k", L.Bernoulli(logits = scalar 0.3))
                let! x = L.Sample("x", L.Normal(k, 1.0))
                let! m = L.Sample("m", L.Bernoulli(logits = x - 0.2))
                do! L.Observe("y", L.Normal(x + m, 0.8), scalar 1.4)
            }

        let guide (t: Tensor list) =
            prob {
                let! k = L.Sample("k", L.Bernoulli(logits = t[0]))
                let! x = L.Sample("x", L.Normal(t[1] + 0.5 * k, 0.7))
                let! _ = L.Sample("m", L.Bernoulli(logits = t[0] * x))
                return ()
            }

        let bits = [ 0.0; 1.0 ]

        let cells () =
            grid width [ "k", [], bits, DType.F32; "x", [], List.ofArray points, DType.F32; "m", [], bits, DType.F32 ]

        for order in [ 0.0; 0.5 ] do
            let exact t = powerBound order [ cells (); cells () ] model (guide t)

            let bound e t =
                let o = objective 2 [ "k", e; "m", e ]
                o.Order <- order
                EvidenceBound.derive o model (guide t)

            let average = Estimator.Score(Baseline.MovingAverage 0.9)

            let spread =
                areUnbiased
                    $"mixed, order {order}"
                    20000
                    [ 0.4; 0.6 ]
                    exact
                    [
                        "none", [], bound none
                        "leave one out", [], bound leaveOneOut
                        "moving average", [ "baseline.k", [| -2.0 |]; "baseline.m", [| -2.0 |] ], bound average
                    ]

            Assert.True(spread["leave one out"] < spread["none"])
