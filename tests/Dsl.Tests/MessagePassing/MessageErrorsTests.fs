module Inference.Dsl.Tests.MessagePassing.MessageErrorsTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

let private ep program = ApproximatePosterior.propagate (ExpectationPropagation()) program
let private vmp program = ApproximatePosterior.passVariationally (VariationalMessagePassing()) program
let private normal = L.Sample("x", L.Normal(0.0, 1.0))

[<Fact>]
let ``Sites that no messages are known for are refused`` () =
    refuses "The site \"z\" draws from Bernoulli, which no messages are known for by expectation propagation." (fun () ->
        ep (L.Sample("z", L.Bernoulli(logits = scalar 0.0))))

    refuses "The site \"t/x\" stands in the chain \"t\"; messages are passed over plates alone." (fun () ->
        ep (L.Markov("t", 3, scalar 0.0, (fun x -> L.Sample("x", L.Normal(x, 1.0))))))

    refuses "The site \"x\" is scaled; a posterior is one of sites that count once." (fun () -> ep (Handle.scale (scalar 2.0) normal))

    refuses "The site \"x\" is masked, and where it is it has no density." (fun () ->
        ep (Handle.mask (L.Less(scalar 0.0, scalar 1.0)) normal))

[<Fact>]
let ``Factors without a known update are refused by name, with what is possible`` () =
    let program (observe: Tensor -> Tensor -> Prob<unit>) =
        prob {
            let! x = normal
            let! y = L.Sample("y", L.Normal(0.0, 1.0))
            do! observe x y
            return x
        }

    let product = program (fun x y -> L.Observe("z", L.Normal(x * y, 1.0), scalar 1.0))

    refuses "The factor of \"z\" has no moments in closed form: its mean multiplies values of \"x\", \"y\", none of them known." (fun () ->
        ep product)

    Assert.Contains("VariationalMessagePassing", (failure (fun () -> ep product)).Mend)
    let spread = program (fun x y -> L.Observe("z", L.Normal(x * y, L.Exp x), scalar 1.0))

    for posterior in [ (fun () -> ep spread); (fun () -> vmp spread) ] do
        refuses "The site \"z\" reads \"x\", \"y\" in a way that no update is known for: Normal with such parameters." posterior

    Assert.Contains("derive a bound", (failure (fun () -> vmp spread)).Mend)

    refuses
        "The factor 1 reads \"x\", \"y\" in a way that no update is known for: it is no function of one linear form of Gaussian sites."
        (fun () -> ep (program (fun x y -> L.Factor(L.Sin x * y))))

    // a step that is no interval of one form has edges that a quadrature would miss
    refuses
        "The factor 1 reads \"x\" in a way that no update is known for: it is no function of one linear form of Gaussian sites."
        (fun () ->
            ep (program (fun x _ -> L.Factor(L.Select(L.Less(scalar 0.5, L.Abs x), 0.0, Build.scalar DType.F32 Double.NegativeInfinity)))))

    refuses "The site \"y\" reads \"x\" in a way that no update is known for: Gamma with such parameters." (fun () ->
        ep (
            prob {
                let! x = normal
                return! L.Sample("y", L.Gamma(L.Exp x, scalar 1.0))
            }
        ))

let private unknownPrecision =
    prob {
        let! m = L.Sample("m", L.Normal(0.0, 1.0))
        let! t = L.Sample("t", L.Gamma(scalar 1.0, scalar 1.0))
        do! L.Observe("y", L.Normal(m, 1.0 / L.Sqrt t), scalar 0.3)
        return m
    }

[<Fact>]
let ``Each method says what the other one can do`` () =
    refuses
        "The factor of \"y\" has no moments in closed form: it is a density of mean and precision of \"m\", \"t\", none of them known."
        (fun () -> ep unknownPrecision)

    Assert.Contains("VariationalMessagePassing", (failure (fun () -> ep unknownPrecision)).Mend)

    let wave =
        prob {
            let! x = normal
            do! L.Factor(L.Sin x)
            return x
        }

    refuses "The factor of \"factor 1\" has no variational message: it is not conjugate to what it reads." (fun () -> vmp wave)
    Assert.Contains("ExpectationPropagation", (failure (fun () -> vmp wave)).Mend)
    let i = L.PlateIndex("i", 2)

    let difference =
        prob {
            let! x = L.Plate(i, normal)
            let x = L.Stack(x.Value, i)
            do! L.Factor(L.Select(L.Less(L.Element(x, 0), L.Element(x, 1)), 0.0, Build.scalar DType.F32 Double.NegativeInfinity))
            return x
        }

    refuses "The factor of \"factor 1\" has no variational message: it limits more than one element of a site in its own plates." (fun () ->
        vmp difference)

    Assert.Contains("Draw what it limits as a site beside it", (failure (fun () -> vmp difference)).Mend)

[<Fact>]
let ``Settings and questions out of range are refused`` () =
    let with' (set: ExpectationPropagation -> unit) () =
        let o = ExpectationPropagation()
        set o
        ApproximatePosterior.propagate o normal

    refuses "ExpectationPropagation.Damping is 1." (with' (fun o -> o.Damping <- 1.0))
    refuses "ExpectationPropagation.Sweeps is 0." (with' (fun o -> o.Sweeps <- 0))
    refuses "ExpectationPropagation.Tolerance is -1." (with' (fun o -> o.Tolerance <- -1.0))
    refuses "ExpectationPropagation.QuadraturePoints is 1." (with' (fun o -> o.QuadraturePoints <- 1))
    refuses "There is no latent site \"y\"." (fun () -> (ep normal).Marginal "y")
    Assert.Equal("The model's latent sites are \"x\".", (failure (fun () -> (ep normal).Marginal "y")).Mend)
    refuses "The marginal of \"x\" has no parameter \"rate\"." (fun () -> ((ep normal).Marginal "x").Parameter "rate")

[<Fact>]
let ``Evidence that is impossible ends a checked run at what cannot be`` () =
    let counted (y: double) =
        prob {
            let! rate = L.Sample("rate", L.Gamma(scalar 2.0, scalar 1.0))
            do! L.Observe("fine", L.Poisson rate, scalar 2.0)
            do! L.Observe("count", L.Poisson rate, scalar y)
            return rate
        }

    let limited (high: double) =
        prob {
            let! a = L.Sample("a", L.Normal(0.0, 1.0))
            let! b = L.Sample("b", L.Normal(0.0, 1.0))
            do! L.Observe("sum", L.Normal(a + b, 1.0), scalar 0.5)
            do! L.Factor(L.Select(L.Less(scalar 1.0, a), 0.0, Double.NegativeInfinity))
            do! L.Factor(L.Select(L.Less(a, scalar high), 0.0, Double.NegativeInfinity))
            return a
        }

    use engine = new Engine(EngineOptions(Threads = 1, Cache = false, Checked = true))

    let run (found: ApproximatePosterior) site () =
        execute
            engine
            []
            (build "evidence" (fun b ->
                b.Output("mean", (found.Marginal site).Mean)
                b.Output("log", found.LogEvidence)))

    for found, site, name in
        [
            (fun (odd: bool) -> ep (counted (if odd then 1.5 else 1.0))), "rate", "count"
            (fun odd -> vmp (counted (if odd then -1.0 else 1.0))), "rate", "count"
            (fun odd -> vmp (limited (if odd then 0.5 else 2.0))), "a", "a"
        ] do
        run (found false) site () |> ignore
        let raised = Assert.Throws<CheckFailedException>(fun () -> run (found true) site () |> ignore)
        Assert.Contains($"\"{name}\"", raised.Message)
        Assert.Contains("needs to be possible: its probability is 0", raised.Message)
