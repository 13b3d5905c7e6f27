module Inference.Dsl.Tests.GaussianPosteriorErrorsTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

let private x = L.Sample("x", L.Normal(0.0, 1.0))
let private y (mean: Tensor) = L.Observe("y", L.Normal(mean, scalar 1.0), scalar 0.5)
let private solve (model: Prob<'T>) = GaussianPosterior.ofProgram model
let private affine what reads operation = $"{what} is not affine in latent values: it has {operation} of {reads}."

[<Fact>]
let ``The term that is not affine is named`` () =
    let mean f = prob { let! x = x in do! y (f x) }

    for operation, f in
        [
            "exp", L.Exp
            "a product", (fun x -> x * (x + 1.0))
            "a quotient", (fun x -> 1.0 / x)
            "abs", L.Abs
            "max", (fun x -> L.Max(x, 0.0))
            "a comparison", (fun x -> L.Select(L.Less(x, 0.0), x, 2.0 * x))
            "floor", L.Floor
            "a stopped gradient", L.StopGradient
            "pow", (fun x -> L.Pow(x, 1.0))
            "a derivative of its own (straight through)", (fun x -> L.StraightThrough(x, 3.0 * x))
        ] do
        let f: Tensor -> Tensor = f
        let e = failure (fun () -> solve (mean f))

        Assert.Equal(affine "The mean of the site \"y\"" "\"x\"" operation, e.Problem)
        Assert.Equal("Make it a sum of constants times latent values, or derive a bound with a guide.", e.Mend)
        Assert.Equal("GaussianPosteriorErrorsTests.fs", IO.Path.GetFileName e.Location.File)

    let chain =
        L.Markov<Tensor>("t", 3, scalar 0.1, (fun s -> prob { let! z = L.Sample("z", L.Normal(s, scalar 1.0)) in return L.Sin z }))

    refuses (affine "What \"t\" carries" "\"t/z\"" "sin") (fun () -> solve chain)

[<Fact>]
let ``Spreads, sites and factors that are not those of a linear-Gaussian model are refused`` () =
    refuses "The spread of the site \"y\" depends on \"x\"; in a linear-Gaussian model it is the same for all latent values." (fun () ->
        solve (prob { let! x = x in do! L.Observe("y", L.Normal(0.0, L.Exp x), scalar 0.5) }))

    refuses
        "The site \"z\" draws from Gamma; a linear-Gaussian model has latent sites that are Normal, DiagonalNormal or MultivariateNormal."
        (fun () -> solve (L.Sample("z", L.Gamma(scalar 2.0, scalar 1.0))))

    refuses
        "The site \"y\" observes a Poisson that reads \"x\"; in a linear-Gaussian model it is Normal, DiagonalNormal or MultivariateNormal."
        (fun () -> solve (prob { let! x = x in do! L.Observe("y", L.Poisson(L.Exp x), scalar 2.0) }))

    refuses "Factor 1 depends on \"x\"; in a linear-Gaussian model factors are constants." (fun () ->
        solve (prob { let! x = x in do! L.Factor x }))

    refuses "The site \"x\" is scaled; a posterior is one of sites that count once." (fun () -> solve (Handle.scale (scalar 2.0) x))
    refuses "The site \"x\" is hidden by a handler, and a linear-Gaussian model has no draws." (fun () -> solve (Handle.block [] x))

[<Fact>]
let ``What mixes the values of a plate or a chain is refused`` () =
    let i = L.PlateIndex("i", 3)

    refuses (affine "The mean of the site \"y\"" "\"i/x\"" "what mixes the values of \"i\"") (fun () ->
        solve (prob { let! each = L.Plate(i, x) in do! y (L.SumOver(i, each.Value)) }))

    let mend model = (failure (fun () -> solve model)).Mend
    let together = prob { let! each = L.Plate(i, x) in do! y (L.SumOver(i, each.Value)) }

    Assert.Equal(
        "Draw what is read together as a vector at one site outside \"i\", or approximate: new ExpectationPropagation().",
        mend together
    )

    refuses "The site \"j/y\" reads \"i/x\", which stands in \"i\", from outside of it." (fun () ->
        solve (
            prob {
                let! each = L.Plate(i, x)
                let! _ = L.Plate("j", 2, y each.Value)
                return ()
            }
        ))

    let t = L.TimeIndex("t", 3)
    let walk name start = L.Markov<Tensor>(t, start, (fun s -> L.Sample(name, L.Normal(s, scalar 1.0))))

    refuses
        "The site \"between\" reads what \"t\" carries at its end, which is not known there: all that stands in one plate or chain is computed together."
        (fun () ->
            solve (
                prob {
                    let! first = walk "z" (scalar 0.0)
                    let! between = L.Sample("between", L.Normal(first.Final, scalar 1.0))
                    let! _ = walk "w" between
                    return ()
                }
            ))

    let k = L.PlateIndex("k", 2)

    refuses "The plate \"k\" reads what \"t\" carries from the step before." (fun () ->
        let chain =
            L.Markov<Tensor>(
                "t",
                3,
                scalar 0.1,
                fun s ->
                    prob {
                        let! _ = L.Plate(k, y s)
                        return! L.Sample("z", L.Normal(s, scalar 1.0))
                    }
            )

        (solve chain).LogEvidence)

[<Fact>]
let ``Questions that have no answer are refused`` () =
    let found = solve (prob { let! x = x in do! y x })
    refuses "There is no latent site \"y\"." (fun () -> found.Marginal "y")
    Assert.Equal("The model's latent sites are \"x\".", (failure (fun () -> found.Marginal "y")).Mend)
    refuses "There is no latent site \"y\"." (fun () -> found.MostLikely.Value "y")
    refuses "The site \"x\" is not drawn by a step of a chain, and has nothing to be filtered by." (fun () -> found.Filtered "x")
    let panel = solve (GaussianModels.panel 1).Model

    refuses "The site \"i/t/z\" depends on variables outside the plate that its chain stands in." (fun () -> panel.Filtered "i/t/z")
    refuses "The site \"x\" is asked for at 1 places; it stands in 0 plates and chains ()." (fun () -> found.Joint(SiteAt("x", 0)))
    refuses "A joint distribution of no sites was asked for." (fun () -> found.Joint())


    refuses "The site \"x\" is given a value of shape [2]; it has the shape [] (a scalar)." (fun () ->
        found.Conditional([ SiteAt "x" ], [ struct (SiteAt "x", vector [ 0.3; 1.0 ]) ]))

    refuses "A posterior is drawn from where no draws are made." (fun () -> found.Sample |> Prob.trace (fun _ _ -> scalar 0.0))

[<Fact>]
let ``A covariance that is not positive definite is named by a checked engine`` () =
    let program corner =
        build "indefinite" (fun b ->
            let factor = L.Cholesky(tensor [ 2; 2 ] [ 1.0; 2.0; 2.0; corner ])

            let model =
                prob {
                    let! z = L.Sample("z", L.MultivariateNormal(vector [ 0.0; 0.0 ], factor))
                    do! L.Observe("y", L.Normal(L.Sum z, scalar 1.0), scalar 0.5)
                }

            b.Output("evidence", (solve model).LogEvidence))

    let run corner =
        use engine =
            new Engine(EngineOptions(Checked = true, Cache = false, Probed = Action<_, _>(fun _ _ -> ())))

        execute engine [] (program corner)

    run 5.0 |> ignore
    let failure = Assert.Throws<CheckFailedException>(fun () -> run 3.0 |> ignore)
    Assert.Contains("The site \"z\" needs a covariance that is positive definite", failure.Message)
