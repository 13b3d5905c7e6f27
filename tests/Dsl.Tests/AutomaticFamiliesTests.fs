/// Guides made from a model.
module Inference.Dsl.Tests.AutomaticFamiliesTests

open System
open Inference
open Inference.Compiler
open Inference.Dsl.Tests.Evaluation
open Xunit

/// Two correlated latents: x ~ N(0, 1), y ~ N(x, ½), observed x + y = 1.5 with deviation 1, and −0.2 each of a plate.
let private plate = L.PlateIndex("i", 3)

let private model =
    prob {
        let! x = L.Sample("x", L.Normal(0.0, 1.0))
        let! y = L.Sample("y", L.Normal(x, L.Fill 0.5))
        do! L.Observe("sum", L.Normal(x + y, L.Fill 1.0), L.Fill 1.5)

        let! _ =
            L.Plate(
                plate,
                prob {
                    let! z = L.Sample("z", L.Normal(y, L.Fill 1.0))
                    do! L.Observe("w", L.Normal(z, L.Fill 0.5), L.Fill -0.2)
                    return z
                }
            )

        return ()
    }

/// The exact posterior mean and log-evidence, from the joint precision of (x, y, z₁, z₂, z₃).
let private exact =
    let n = 5
    let a = Array2D.zeroCreate<double> n n
    let b = Array.zeroCreate<double> n
    let mutable constant = 0.0

    // ½·(Σ cₖ·vₖ − d)²/s² for each density, its constant beside it
    let add (terms: (int * double) list) d s =
        for i, p in terms do
            b[i] <- b[i] + p * d / (s * s)

            for j, q in terms do
                a[i, j] <- a[i, j] + p * q / (s * s)

        constant <- constant - 0.5 * d * d / (s * s) - log s - 0.5 * log (2.0 * Math.PI)

    add [ 0, 1.0 ] 0.0 1.0
    add [ 1, 1.0; 0, -1.0 ] 0.0 0.5
    add [ 0, 1.0; 1, 1.0 ] 1.5 1.0

    for k in 2..4 do
        add [ k, 1.0; 1, -1.0 ] 0.0 1.0
        add [ k, 1.0 ] -0.2 0.5

    // Gaussian elimination with the determinant
    let m = Array2D.init n (n + 1) (fun i j -> if j < n then a[i, j] else b[i])
    let mutable logDeterminant = 0.0

    for k in 0 .. n - 1 do
        logDeterminant <- logDeterminant + log m[k, k]

        for i in k + 1 .. n - 1 do
            let f = m[i, k] / m[k, k]

            for j in k..n do
                m[i, j] <- m[i, j] - f * m[k, j]

    let mean = Array.zeroCreate<double> n

    for i in n - 1 .. -1 .. 0 do
        mean[i] <- (m[i, n] - Seq.sum (seq { for j in i + 1 .. n - 1 -> m[i, j] * mean[j] })) / m[i, i]

    let evidence =
        constant + 0.5 * Array.fold2 (fun s x y -> s + x * y) 0.0 b mean - 0.5 * logDeterminant
        + 0.5 * double n * log (2.0 * Math.PI)

    mean, evidence

/// Fits a family by Adam, and averages its bound over many draws.
let private fit (family: Prob<unit>) steps samples =
    use engine = new Engine(EngineOptions(Cache = false, Threads = 1))

    let program learns =
        build "family" (fun b ->
            let words = b.Input("step", [| 2 |], DType.U32)
            let step = [| L.Element(words, 0); L.Element(words, 1) |]
            let context = ProbContext.At(Draw(seed 5.0 6.0, step), Trace(), [], [])
            let bound = (EvidenceBound.derive (Objective.Elbo(samples)) model family).Run context
            b.Output("bound", bound.Value)

            if learns then
                Learning.step b (Adam(Rate.Cosine(0.05, steps, 1e-3))) 0UL (-bound.Value) |> ignore)

    use executable = engine.Compile(program true)

    for k in 0 .. steps - 1 do
        executable.SetInput(0, ReadOnlySpan<double> [| double k; 0.0 |])
        executable.Run() |> ignore

    let states =
        Map.ofList
            [
                for k in 0 .. executable.States.Count - 1 do
                    let slot = executable.States[k]
                    let values = Array.zeroCreate<double>(Array.fold (*) 1 slot.Shape)
                    executable.CopyState(k, Span<double> values)
                    slot.Name, values
            ]

    let mutable total = 0.0
    let last = 200

    for k in 0 .. last - 1 do
        executable.SetInput(0, ReadOnlySpan<double> [| double (steps + k); 1.0 |])
        executable.Run() |> ignore
        total <- total + double (executable.Output<float32>(0).[0])

    total / double last, (fun name -> states[name])

[<Fact>]
let ``A full covariance finds the posterior and its evidence; fewer degrees of freedom stay below`` () =
    let mean, evidence = exact
    let full, state = fit (Family.FullRank("q", model)) 3000 16
    Assert.All(Array.zip mean (state "q.location"), fun (a, b) -> Assert.Equal(a, b, 0.05))
    Assert.Equal(evidence, full, 0.03)
    let low, _ = fit (Family.LowRank("q", 2, model)) 3000 16
    Assert.InRange(low, evidence - 0.1, evidence + 0.03)
    let apart, state = fit (Family.MeanField("q", model)) 2000 16
    Assert.Equal(mean[0], (state "q.x.location").[0], 0.05)
    Assert.Equal<int>(3, (state "q.i/z.location").Length)
    Assert.True(apart < evidence - 0.1, $"mean field {apart}, evidence {evidence}")
    let flow, _ = fit (Family.Flow("q", model, 4, 16)) 3000 16
    Assert.InRange(flow, apart, evidence + 0.03)

[<Fact>]
let ``One value for each site is the most probable one`` () =
    let mean, _ = exact
    let _, state = fit (Family.Delta("q", model)) 2000 1
    Assert.Equal(mean[0], (state "q.x.location").[0], 1e-2)
    Assert.Equal(mean[1], (state "q.y.location").[0], 1e-2)

[<Fact>]
let ``Draws lie in the supports of the model`` () =
    let bounded =
        prob {
            let! p = L.Sample("p", L.Beta(L.Fill 2.0, L.Fill 3.0))
            let! r = L.Sample("r", L.Gamma(L.Fill 2.0, L.Fill 1.0))
            let! u = L.Sample("u", L.Uniform(-1.0, 4.0))
            let! s = L.Sample("s", L.Dirichlet(L.Ones 3))
            do! L.Observe("y", L.Normal(p + r + u + L.Sum s, L.Fill 1.0), L.Fill 2.0)
        }

    for family in [ Family.MeanField("q", bounded); Family.FullRank("q", bounded); Family.Delta("q", bounded) ] do
        let _, trace = draw 3.0 4.0 family
        let value path = numbers (trace.TryFind path).Value.Value
        Assert.All(value "p", fun v -> Assert.InRange(v, 0.0, 1.0))
        Assert.All(value "r", fun v -> Assert.True(v > 0.0))
        Assert.All(value "u", fun v -> Assert.InRange(v, -1.0, 4.0))
        Assert.Equal(1.0, Array.sum (value "s"), 1e-9)
        let bound, _ = draw 3.0 4.0 (EvidenceBound.derive (Objective.Elbo()) bounded family)
        Assert.True(Double.IsFinite(number bound.Value))

[<Fact>]
let ``A family does not stand in a plate of data`` () =
    let data = L.PlateIndex("data", 2)
    let e = failure (fun () -> draw 1.0 2.0 (Prob.plate data (Family.MeanField("q", model))))
    Assert.Equal("The family \"q\" stands in the plate \"data\", whose values come anew with each batch.", e.Problem)

[<Fact>]
let ``Parameters have the names of their sites wherever the model is run`` () =
    let names (place: Prob<EvidenceBound> -> Prob<EvidenceBound>) =
        let mutable found = [||]

        build "named" (fun b ->
            let bound, _ =
                EvidenceBound.derive (Objective.Elbo()) model (Family.MeanField("q", model))
                |> place
                |> draw 1.0 2.0

            found <- b.Parameters([ bound.Value ], 1UL) |> Array.map Parameter.nameOf |> Array.sort
            b.Output("bound", bound.Value))
        |> ignore

        found

    Assert.Contains("q.i/z.location", names id)
    Assert.Equal<string[]>(names id, names (Prob.named "evaluation"))
