module Inference.Dsl.Tests.HandlersTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

let private normal mean deviation x =
    -0.5 * ((x - mean) / deviation) ** 2.0 - log deviation - 0.5 * log (2.0 * Math.PI)

/// a → b → c, and y seen of c.
let private chained =
    prob {
        let! a = L.Sample("a", L.Normal(0.0, 1.0))
        let! b = L.Sample("b", L.Normal(a, 1.0))
        let! c = L.Sample("c", L.Normal(b, 1.0))
        do! L.Observe("y", L.Normal(c, 0.5), scalar 0.8)
        return a + 2.0 * b + 4.0 * c
    }

let private sites (trace: Trace) = [ for s in trace.Sites -> s.Path, s.IsObserved ]
let private valueOf (trace: Trace) path = number (trace.TryFind path).Value.Value

/// What a program draws, its sites, and the log-density of its trace.
let private meaning (p: Prob<Tensor>) =
    let value, trace = draw 3.0 0.0 p
    number value, set (sites trace), number (Prob.logJoint trace)

[<Fact>]
let ``A condition observes a site, and weighs the run by its density`` () =
    let _, trace = draw 3.0 0.0 (Handle.condition (readOnlyDict [ "b", scalar 0.4 ]) chained)
    Assert.Equal<(string * bool) list>([ "a", false; "b", true; "c", false; "y", true ], sites trace)
    let a, c = valueOf trace "a", valueOf trace "c"
    Assert.Equal(normal a 1.0 0.4 + normal c 0.5 0.8, trace.Factors |> Seq.sumBy number, 1e-9)
    Assert.Equal(normal 0.0 1.0 a + normal a 1.0 0.4 + normal 0.4 1.0 c + normal c 0.5 0.8, number (Prob.logJoint trace), 1e-9)

[<Fact>]
let ``An intervention sets a site, drawn or observed, and takes its density away`` () =
    let _, trace = draw 3.0 0.0 (Handle.intervene (readOnlyDict [ "b", scalar 0.4 ]) chained)
    Assert.Equal<(string * bool) list>([ "a", false; "c", false; "y", true ], sites trace)
    let a, c = valueOf trace "a", valueOf trace "c"
    Assert.Equal(normal 0.0 1.0 a + normal 0.4 1.0 c + normal c 0.5 0.8, number (Prob.logJoint trace), 1e-9)
    let _, trace = draw 3.0 0.0 (Handle.intervene (readOnlyDict [ "y", scalar 9.0 ]) chained)
    Assert.Equal<(string * bool) list>([ "a", false; "b", false; "c", false ], sites trace)
    Assert.Empty trace.Factors

[<Fact>]
let ``A replay takes the values of a trace, wherever it was recorded, and draws the rest`` () =
    let recorded = Prob.named "first" (Handle.trace chained)
    let longer = chained |> Prob.bind (fun x -> L.Sample("d", L.Normal(x, 1.0)))

    let both =
        prob {
            let! struct (x, trace) = recorded
            let! struct (_, again) = Prob.named "second" (Handle.trace (Handle.replay trace longer))
            return x, trace, again
        }

    let (x, first, second), _ = draw 3.0 0.0 both

    Assert.Equal<(string * bool) list>(
        [ "second/a", false; "second/b", false; "second/c", false; "second/y", true; "second/d", false ],
        sites second
    )

    for path in [ "a"; "b"; "c" ] do
        Assert.Equal(valueOf first path, valueOf second path)

    let d = valueOf second "d"
    Assert.NotEqual(number x, d)
    Assert.Equal(number (Prob.logJoint first) + normal (number x) 1.0 d, number (Prob.logJoint second), 1e-9)

[<Fact>]
let ``A prediction draws what is observed`` () =
    let _, trace = draw 3.0 0.0 (Handle.predict chained)
    Assert.Equal<(string * bool) list>([ "a", false; "b", false; "c", false; "y", false ], sites trace)
    Assert.Empty trace.Factors
    Assert.NotEqual(0.8, valueOf trace "y")
    // what is drawn may be observed again
    let _, trace =
        draw 3.0 0.0 (Handle.predict chained |> Handle.condition (readOnlyDict [ "y", scalar 0.1 ]))

    Assert.Equal(0.1, valueOf trace "y")
    Assert.True((trace.TryFind "y").Value.IsObserved)

[<Fact>]
let ``What is blocked is drawn and not seen by handlers further out`` () =
    let blocked = Handle.block [ "b"; "y" ] chained
    let _, trace = draw 3.0 0.0 blocked
    Assert.Equal<(string * bool) list>([ "a", false; "c", false ], sites trace)
    Assert.Empty trace.Factors
    let value, _, _ = meaning chained
    let hidden, _, _ = meaning blocked
    Assert.Equal(value, hidden)

    refuses "Condition names the site \"b\", which the program does not make." (fun () ->
        draw 3.0 0.0 (Handle.condition (readOnlyDict [ "b", scalar 0.0 ]) blocked))

    let _, all = draw 3.0 0.0 (Handle.block [] chained)
    Assert.Empty all.Sites

[<Fact>]
let ``A cut keeps a site's own density and stops derivatives by what reads it`` () =
    let slopes (names: string list option) =
        let m = scalar 0.3

        let program =
            prob {
                let! a = L.Sample("a", L.Normal(m, scalar 1.0))
                do! L.Observe("y", L.Normal(a, scalar 1.0), scalar 2.0)
                return a
            }

        let handled =
            match names with
            | Some names -> Handle.cut names program
            | None -> program

        let a, trace = draw 3.0 0.0 (handled |> Handle.replay (snd (draw 3.0 0.0 program)))
        let slope x = number (Calculus.gradient x [| m |]).[0]
        number a, slope a, slope (trace.TryFind "y").Value.LogDensity.Value, slope (trace.TryFind "a").Value.LogDensity.Value

    let a, ofValue, ofSeen, ofSite = slopes None
    Assert.Equal((1.0, 2.0 - a, 0.0), (ofValue, ofSeen, ofSite))
    Assert.Equal((a, 0.0, 0.0, ofSite), slopes (Some [ "a" ]))
    Assert.Equal((a, 0.0, 0.0, ofSite), slopes (Some []))

[<Fact>]
let ``A scale multiplies log-densities and factors of its plate alone`` () =
    let batch = L.PlateIndex("batch", 4)
    let data = L.Unstack(vector [ 0.5; 1.0; -2.0; 0.3 ], batch)

    let program (scaled: Prob<Plated<unit>> -> Prob<Plated<unit>>) =
        prob {
            let! mean = L.Sample("mean", L.Normal(0.0, 1.0))

            let! _ =
                scaled (
                    L.Plate(
                        batch,
                        prob {
                            do! L.Observe("x", L.Normal(mean, 1.0), data)
                            do! L.Factor(-0.25 * mean)
                        }
                    )
                )

            return mean
        }

    let m, plain = draw 3.0 0.0 (program id)
    let _, scaled = draw 3.0 0.0 (program (Handle.scale (scalar (100.0 / 4.0))))
    let prior = normal 0.0 1.0 (number m)
    let rest = number (Prob.logJoint plain) - prior
    Assert.Equal(prior + 25.0 * rest, number (Prob.logJoint scaled), 1e-6)
    // scales and masks multiply
    let half = L.Unstack(L.Less(vector [ 0.0; 1.0; 1.0; 0.0 ], 0.5), batch)

    let _, both =
        draw 3.0 0.0 (program (Handle.mask half >> Handle.scale (scalar 2.0) >> Handle.scale (scalar 3.0)))

    let mean = number m
    Assert.Equal(prior + 6.0 * (normal mean 1.0 0.5 + normal mean 1.0 0.3 - 0.5 * mean), number (Prob.logJoint both), 1e-6)

/// Families that may be observed, by one parameter each, with a value.
let private seen: (string * (Tensor -> Distribution) * double) list =
    [
        "Normal", (fun p -> L.Normal(p, p)), 0.4
        "LogNormal", (fun p -> L.LogNormal(p, p)), 0.4
        "Laplace", (fun p -> L.Laplace(p, p)), 0.4
        "StudentT", (fun p -> L.StudentT(0.5 * p, p, p)), 0.4
        "TruncatedNormal", (fun p -> L.TruncatedNormal(p, p, scalar -1.0, scalar 5.0)), 0.4
        "TanhNormal", (fun p -> L.TanhNormal(p, p)), 0.4
        "SymlogNormal", (fun p -> L.SymlogNormal(p, p)), 0.4
        "Exponential", (fun p -> L.Exponential p), 0.4
        "Gamma", (fun p -> L.Gamma(p, p)), 0.4
        "Beta", (fun p -> L.Beta(p, p)), 0.4
        "Uniform", (fun p -> L.Uniform(-p, p)), 0.4
        "Bernoulli", (fun p -> L.Bernoulli(logits = p)), 1.0
        "Poisson", (fun p -> L.Poisson p), 3.0
        "Mixture", (fun p -> L.Mixture(vector [ 0.0; 1.0 ], L.Normal(p, p), L.Normal(-p, p))), 0.4
        "Transformed", (fun p -> L.Transformed(L.Normal(p, p), Bijectors.Exp)), 0.4
    ]

[<Fact>]
let ``Observations that are missing and masked leave values and derivatives finite`` () =
    let data = L.PlateIndex("data", 3)

    for name, make, value in seen do
        let p = scalar 0.9
        let values = L.Unstack(vector [ value; nan; value ], data)
        let present = L.Unstack(L.Less(vector [ 0.0; 1.0; 0.0 ], 0.5), data)

        let logJoint program =
            let _, trace = draw 0.0 0.0 program
            Prob.logJoint trace

        let masked = logJoint (Handle.mask present (L.Plate(data, L.Observe("x", make p, values))))
        let one = logJoint (L.Observe("x", make p, scalar value))
        let both x = [| number x; number (Calculus.gradient x [| p |]).[0] |]
        let expected = both one |> Array.map (fun v -> 2.0 * v)

        try
            close (List.ofArray expected) (both masked)
        with e ->
            failwith $"{name}: {e.Message}"

[<Fact>]
let ``Sites within plates and chains are handled by their paths`` () =
    let data = L.PlateIndex("data", 3)
    let t = L.TimeIndex("t", 4)

    let program =
        prob {
            let! z = L.Plate(data, L.Sample("z", L.Normal(0.0, 1.0)))
            let! walk = L.Markov(t, z.Value, fun s -> L.Sample("next", L.Normal(s, 1.0)))
            return walk.Final
        }

    let steps = L.Unstack(tensor [ 4; 3 ] [ 1.0 .. 12.0 ], t)
    let steps = L.Unstack(steps, data)
    let handled = Handle.condition (readOnlyDict [ "t/next", steps ]) program
    let final, trace = Prob.draw (seed 1.0 0.0) (seed 0.0 0.0) [ data ] [] handled |> fun (f, tr) -> f, tr
    close [ 10.0; 11.0; 12.0 ] (numbers (L.Stack(final, data)))
    Assert.Equal<(string * bool) list>([ "data/z", false; "t/next", true ], sites trace)

    let set =
        Handle.intervene (readOnlyDict [ "data/z", L.Unstack(vector [ 5.0; 6.0; 7.0 ], data) ]) program

    let _, trace = Prob.draw (seed 1.0 0.0) (seed 0.0 0.0) [ data ] [] set
    Assert.Equal<(string * bool) list>([ "t/next", false ], sites trace)
    let _, again = Prob.draw (seed 2.0 0.0) (seed 0.0 0.0) [ data ] [] (Handle.replay trace set)
    let next (tr: Trace) = numbers (L.Stack(L.Stack((tr.TryFind "t/next").Value.Value, t), data))
    Assert.Equal<double[]>(next trace, next again)

[<Fact>]
let ``Handlers of different sites mean the same in either order`` () =
    let one path = readOnlyDict [ path, scalar 0.25 ]

    let handlers: (string * (Prob<Tensor> -> Prob<Tensor>)) list =
        [
            "condition", Handle.condition (one "a")
            "intervene", Handle.intervene (one "b")
            "block", Handle.block [ "c" ]
            "cut", Handle.cut []
            "mask", Handle.mask (L.Less(scalar 0.0, 1.0))
            "scale", Handle.scale (scalar 3.0)
            "predict", Handle.predict
            "replay", Handle.replay (snd (draw 9.0 0.0 (Handle.block [ "a"; "b"; "y" ] chained)))
        ]

    let apart =
        // what is predicted first may be conditioned; what is replayed first is not hidden from its source
        set [ set [ "predict"; "condition" ]; set [ "block"; "replay" ] ]

    for first, f in handlers do
        for second, g in handlers do
            if first < second && not (apart.Contains(set [ first; second ])) then
                let a, b = meaning (f (g chained)), meaning (g (f chained))

                if a <> b then
                    failwith $"{first} and {second}: {a} and {b}."

    // outside a prediction a condition stays; inside it is predicted
    let _, inside, _ = meaning (Handle.predict (Handle.condition (one "a") chained))
    Assert.Contains(("a", false), inside)
    let _, outside, _ = meaning (Handle.condition (one "a") (Handle.predict chained))
    Assert.Contains(("a", true), outside)

[<Fact>]
let ``A site that a program does not make is refused with those that it makes`` () =
    let absent = readOnlyDict [ "z", scalar 0.0; "a", scalar 0.0 ]

    for what, handled in
        [
            "Condition", Handle.condition absent chained
            "Intervene", Handle.intervene absent chained
            "Block", Handle.block [ "z"; "a" ] chained
            "Cut", Handle.cut [ "a"; "z" ] chained
        ] do
        let e = failure (fun () -> draw 0.0 0.0 handled)
        Assert.Equal($"{what} names the site \"z\", which the program does not make.", e.Problem)
        Assert.Equal("It makes \"a\", \"b\", \"c\", \"y\".", e.Mend)

[<Fact>]
let ``Values that do not fit, masks that are no conditions and scales that are no numbers are refused`` () =
    refuses "The site \"a\" observes a value of shape [2] under Normal of shape [] (a scalar)." (fun () ->
        draw 0.0 0.0 (Handle.condition (readOnlyDict [ "a", vector [ 1.0; 2.0 ] ]) chained))

    refuses "Condition gives the site \"y\" a value; it has one already." (fun () ->
        draw 0.0 0.0 (Handle.condition (readOnlyDict [ "y", scalar 1.0 ]) chained))

    refuses "A mask is one Bool for each value of a plate; F32[] (a scalar) came." (fun () -> Handle.mask (scalar 1.0) chained)
    refuses "A scale is one number; F32[2] came." (fun () -> Handle.scale (vector [ 1.0; 2.0 ]) chained)
