module Inference.Dsl.Tests.FinitePosteriorErrorsTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

[<Fact>]
let ``What no finite posterior has is refused`` () =
    let continuous = L.Sample("z", L.Normal(0.0, 1.0))

    refuses "The site \"z\" draws from Normal, whose values cannot be listed; a finite model has finite sites." (fun () ->
        FinitePosterior.ofProgram continuous)

    let found = FinitePosterior.ofProgram (Umbrella.world (vector [ 1.0; 1.0 ]))
    refuses "There is no latent site \"rain\"." (fun () -> found.Marginal "rain")
    Assert.Equal("The model's latent sites are \"day/rain\".", (failure (fun () -> found.Marginal "rain")).Mend)
    refuses "There is no latent site \"rain\"." (fun () -> found.MostLikely.Value "rain")

    refuses "The site \"day/rain\" is asked for at 0 places; it stands in 1 plates and chains (\"day\")." (fun () ->
        found.Joint(SiteAt "day/rain"))

    refuses "The site \"day/rain\" is asked for at 2 of \"day\", which has 2." (fun () -> found.Joint(SiteAt("day/rain", 2)))
    refuses "A table of no sites was asked for." (fun () -> found.Joint())

    let coin = L.Sample("coin", L.Bernoulli(logits = scalar 0.3))

    let unfiltered path =
        $"The site \"{path}\" has nothing to be filtered by: it and what it is drawn from are not carried along a chain."

    refuses (unfiltered "coin") (fun () -> (FinitePosterior.ofProgram coin).Filtered "coin")

    let apart =
        L.Markov("t", 3, scalar 0.0, (fun s -> L.Sample("a", L.Bernoulli(logits = 0.3)) |> Prob.map (fun _ -> s)))

    refuses (unfiltered "t/a") (fun () -> (FinitePosterior.ofProgram apart).Filtered "t/a")

    let outside =
        prob {
            let! g = L.Sample("g", L.Bernoulli(logits = scalar 0.1))
            return! L.Plate("i", 2, L.Markov("t", 3, g, (fun s -> L.Sample("a", L.Bernoulli(logits = s + g)))))
        }

    refuses
        "The site \"i/t/a\" depends on \"g\", which is drawn outside the chain over \"t\", in other plates or along another chain."
        (fun () -> (FinitePosterior.ofProgram outside).Filtered "i/t/a")

    refuses "The site \"coin\" is scaled; a posterior is one of sites that count once." (fun () ->
        FinitePosterior.ofProgram (Handle.scale (scalar 2.0) coin))

    refuses "The site \"coin\" is hidden by a handler, and a finite model has no draws." (fun () ->
        FinitePosterior.ofProgram (Handle.block [] coin))

    let e =
        failure (fun () -> (FinitePosterior.ofProgram coin).Sample |> Prob.trace (fun _ _ -> scalar 0.0))

    Assert.Equal("The site \"coin\" is drawn from a posterior where no draws are made.", e.Problem)

[<Fact>]
let ``Evidence that is impossible is 0, and a checked engine names the observation`` () =
    let model (second: Tensor) =
        prob {
            let! k = L.Sample("k", L.Categorical(vector [ 0.2; 0.5; -infinity ]))
            let odds = L.Select(L.Less(L.Convert(k, DType.F32), 1.5), scalar -infinity, scalar 0.0)
            do! L.Observe("first", L.Normal(L.Convert(k, DType.F32), 1.0), scalar 0.4)
            do! L.Observe("second", L.Categorical(L.Pack(scalar 0.1, odds)), second)
        }

    let program second =
        build "impossible" (fun b ->
            let found = FinitePosterior.ofProgram (model (whole [ second ] |> fun x -> L.Element(x, 0)))
            b.Output("evidence", found.LogEvidence)
            b.Output("k", found.Marginal "k")
            b.Output("joint", found.Joint(SiteAt "k")))

    let found = interpret [] [] (program 1)
    Assert.Equal(-infinity, found["evidence"].[0])
    close [ 0.0; 0.0; 0.0 ] found["k"]
    close [ 0.0; 0.0; 0.0 ] found["joint"]
    Assert.Equal(0.0, (interpret [] [] (program 0)).["k"].[2])

    let run second =
        use engine =
            new Engine(EngineOptions(Checked = true, Cache = false, Probed = Action<_, _>(fun _ _ -> ())))

        execute engine [] (program second)

    run 0 |> ignore
    let failure = Assert.Throws<CheckFailedException>(fun () -> run 1 |> ignore)
    Assert.Contains("The site \"second\" needs to be possible, given what is observed before it", failure.Message)
