module Inference.Dsl.Tests.BoundHandlersTests

open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

[<Fact>]
let ``Handlers around a bound change its model, as they do around the model`` () =
    let model =
        prob {
            let! a = L.Sample("a", L.Normal(0.0, 1.0))
            let! b = L.Sample("b", L.Normal(a, 1.0))
            do! L.Observe("y", L.Normal(b, 0.5), scalar 0.8)
        }

    let ofBoth = L.Sample("a", L.Normal(0.3, 0.9)) |> Prob.bind (fun _ -> L.Sample("b", L.Normal(0.5, 0.8)))
    let ofFirst = L.Sample("a", L.Normal(0.3, 0.9))
    let elbo = Objective(SampledDivergences = true)
    let seen = readOnlyDict [ "b", scalar 0.4 ]

    let agree (handle: Prob<unit> -> Prob<unit>) (around: Prob<EvidenceBound> -> Prob<EvidenceBound>) (guide: Prob<Tensor>) =
        let inside, sites = draw 3.0 0.0 (EvidenceBound.derive elbo (handle model) guide)
        let outside, same = draw 3.0 0.0 (around (EvidenceBound.derive elbo model guide))
        Assert.Equal(number inside.Value, number outside.Value, 1e-12)
        Assert.Equal(inside.Explanation, outside.Explanation)

        Assert.Equal<(string * bool) list>(
            [ for s in sites.Sites -> s.Path, s.IsObserved ],
            [ for s in same.Sites -> s.Path, s.IsObserved ]
        )

    agree (Handle.condition seen) (Handle.condition seen) ofFirst
    agree (Handle.intervene seen) (Handle.intervene seen) ofFirst
    agree (Handle.cut [ "a" ]) (Handle.cut [ "a" ]) ofBoth
    agree (Handle.scale (scalar 3.0)) (Handle.scale (scalar 3.0)) ofBoth
    agree (Handle.block [ "y" ]) (Handle.block [ "y" ]) ofBoth
    let replayed = snd (draw 5.0 0.0 (L.Sample("b", L.Normal(0.0, 1.0))))
    agree (Handle.replay replayed) (Handle.replay replayed) ofFirst

    let around (handle: Prob<EvidenceBound> -> Prob<EvidenceBound>) guide () = draw 3.0 0.0 (handle (EvidenceBound.derive elbo model guide))
    refuses "The guide draws the site \"b\", which the model observes." (around (Handle.condition seen) ofBoth)
    refuses "The guide draws the site \"b\", which the model sets." (around (Handle.intervene seen) ofBoth)
    refuses "The guide lacks the site \"y\", which the model draws." (around Handle.predict ofBoth)
    let strange = readOnlyDict [ "c", scalar 0.4 ]
    refuses "Condition names the site \"c\", which the program does not make." (around (Handle.condition strange) ofBoth)
