module Inference.Dsl.Tests.SumOutErrorsTests

open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.ExactBounds
open Xunit

let private nothing: Prob<unit> = Prob.result ()
let private enumerated (sites: string list) = objective 1 [ for s in sites -> s, Estimator.Enumerated ]

/// A chain of one finite site, which hands on what a function makes of the last step and this one.
let private handing (time: FreeIndex) (next: Tensor -> Tensor -> Tensor) =
    L.Markov(
        time,
        scalar 0.0,
        fun s ->
            prob {
                let! z = L.Sample("z", L.Bernoulli(logits = 0.5 * s))
                do! L.Observe("y", L.Normal(z, 1.0), scalar 0.2)
                return struct (next s z, z)
            }
    )

let private time = L.TimeIndex("t", 3)
let private plate = L.PlateIndex("i", 2)

let private isRefused problem mend sites (model: Prob<'T>) =
    let e = failure (fun () -> derive (enumerated sites) model nothing)
    Assert.Equal(problem, e.Problem)
    Assert.Equal(mend, e.Mend)
    Assert.False(e.Location.IsUnknown)

[<Fact>]
let ``Chains that carry all earlier values are refused`` () =
    isRefused
        "The site \"t/z\" is summed out along \"t\"; what the chain carries is computed from all its earlier values."
        "Let the chain carry values of a limited number of steps, or make what it carries a site that follows from others: one of probabilities 0 and 1."
        [ "t/z" ]
        (handing time (fun s z -> s + z))

    let nested =
        L.Markov(
            "outer",
            2,
            scalar 0.0,
            fun s ->
                prob {
                    let! inner = L.Markov(time, s, (fun s -> L.Sample("z", L.Bernoulli(logits = s))))
                    return inner.Final
                }
        )

    isRefused
        "The site \"outer/t/z\" is summed out along \"t\"; the chain over \"outer\" around it carries its values on."
        "Draw the site in the guide, or let the inner chain end what reads it."
        [ "outer/t/z" ]
        nested

[<Fact>]
let ``What mixes the steps of a chain or the values of its plates is refused`` () =
    let mixed what (index: string) =
        $"The site \"{what}\" is summed out for each value of \"{index}\"; log p(all) mixes them."

    let mend = "Draw it in the guide, or keep what reads it in the plate."
    let seen (mean: Tensor) = L.Observe("all", L.Normal(mean, 1.0), scalar 0.2)
    let following (f: Chain<Tensor, Tensor> -> Tensor) = handing time (fun _ z -> z) |> Prob.bind (f >> seen)

    // the sum of all steps, and of the steps before them
    isRefused (mixed "t/z" "t") mend [ "t/z" ] (following (fun c -> L.SumOver(time, c.Each)))

    let before =
        L.Markov(time, scalar 0.0, fun s -> L.Sample("z", L.Bernoulli(logits = s)) |> Prob.map (fun z -> struct (z, s)))

    isRefused (mixed "t/z" "t") mend [ "t/z" ] (before |> Prob.bind (fun c -> seen (L.SumOver(time, c.Each))))
    isRefused (mixed "t/z" "t") mend [ "t/z" ] (before |> Prob.bind (fun c -> seen (L.Maximum(L.Stack(c.Each, time)))))

    // a loop that is no chain of the model
    let total (each: Tensor) = fst (Structure.scan time [| scalar 0.0 |] (fun c -> [| c[0] + each |], ()))
    isRefused (mixed "t/z" "t") mend [ "t/z" ] (following (fun c -> (total c.Each)[0]))

    // the end of the chain, seen at each step
    let again =
        handing time (fun _ z -> z)
        |> Prob.bind (fun c -> Prob.steps time (L.Observe("all", L.Normal(c.Final, 1.0), scalar 0.2)))

    let e = failure (fun () -> derive (enumerated [ "t/z" ]) again nothing)
    Assert.Equal("The site \"t/z\" is summed out for each value of \"t\"; log p(t/all) mixes them.", e.Problem)

    let plated =
        L.Markov(
            time,
            scalar 0.0,
            fun s ->
                prob {
                    let! z = L.Plate(plate, L.Sample("z", L.Bernoulli(logits = s)))
                    return struct (L.SumOver(plate, z.Value), ())
                }
        )

    let e = failure (fun () -> derive (enumerated [ "t/i/z" ]) plated nothing)
    Assert.Equal("The site \"t/i/z\" is summed out for each value of \"i\"; log p(t/i/z) mixes them.", e.Problem)

[<Fact>]
let ``Chains in other plates that read each other are refused`` () =
    let model =
        L.Markov(
            time,
            (scalar 0.0, scalar 0.0),
            fun (s, r) ->
                prob {
                    let! s = L.Sample("s", L.Bernoulli(logits = s))
                    let! r = L.Plate(plate, L.Sample("r", L.Bernoulli(logits = r + s)))
                    return s, r.Value
                }
        )

    isRefused
        "The site \"t/i/r\" is summed out along \"t\"; log p(t/i/r) reads it together with \"t/s\", which is drawn at each step in other plates."
        "Draw it in the guide, or keep both in the same plates."
        [ "t/s"; "t/i/r" ]
        model

[<Fact>]
let ``Tables that are too large are refused before there are any`` () =
    let names = [ for k in 1..9 -> $"s{k}" ]

    let many =
        Prob<unit>(fun c ->
            let all = names |> List.map (fun name -> (L.Sample(name, L.Categorical(L.Zeros 10))).Run c)
            let sum = all |> List.map (fun x -> L.Convert(x, DType.F32)) |> List.reduce (+)
            (L.Observe("y", L.Normal(sum, 1.0), scalar 3.0)).Run c |> ignore)

    let e = failure (fun () -> derive (enumerated names) many nothing)
    Assert.StartsWith("The site \"s9\" is too large to sum out: the table over ", e.Problem)
    Assert.EndsWith(" has 1,000,000,000 numbers; at most 16,777,216 are taken.", e.Problem)
    Assert.Equal("Draw it in the guide, or give what it is summed with fewer values.", e.Mend)

[<Fact>]
let ``What is scaled otherwise than the site that it reads is refused`` () =
    let model =
        prob {
            let! z = L.Sample("z", L.Bernoulli(logits = scalar 0.1)) |> Handle.scale (scalar 2.0)
            do! L.Observe("y", L.Normal(z, 1.0), scalar 0.2)
        }

    isRefused
        "The site \"z\" is summed out and counts as often as its scale says; log p(y), which reads it, is scaled otherwise."
        "Scale the site and what reads it together."
        [ "z" ]
        model
