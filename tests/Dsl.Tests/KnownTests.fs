module Inference.Dsl.Tests.KnownTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

/// The problem of a sample under a distribution whose parameters are computed from numbers alone.
let private problem d = (failure (fun () -> draw 0.0 0.0 (L.Sample("speed", d)))).Problem

let private one: Tensor = Tensor.op_Implicit 1.0
let private normal (deviation: Tensor) = L.Normal(L.Zeros(Array.copy deviation.Shape), deviation)

/// Whether a check of a parameter is left to the runs of a program.
let private isChecked (d: Distribution) =
    Traverse.postOrder [ fst (draw 0.0 0.0 (L.Sample("speed", d))) ]
    |> Array.exists (fun x ->
        match x.Op with
        | Op.Check _ -> true
        | _ -> false)

[<Fact>]
let ``A parameter that is computed from numbers and out of range is refused when the model is built`` () =
    for deviation, came in
        [
            -1.0 * one * 2.0, "-2"
            1.0 - L.Exp(one * 0.0), "0"
            L.Pow(one + 1.0, 2.0) - 4.5, "-0.5"
            L.Min(one, -3.0) / 2.0, "-1.5"
            L.Sqrt(one - 2.0), "NaN"
            L.Select(L.Less(one, 2.0), -7.0, 7.0), "-7"
            L.Fill(L.Cos one - 1.0 - L.Cos one, 3), "-1"
            L.Convert(L.Integers([| -4 |], 1), DType.F32), "-4"
            L.Reshape(L.Constant [| 1.0; 2.0; 3.0; 4.0 |] - 3.0, 2, 2), "-2"
        ] do
        Assert.Equal($"The site \"speed\" has a Normal that needs a standard deviation > 0; {came} came.", problem (normal deviation))

    Assert.Equal("The site \"speed\" has a Uniform that needs high − low > 0; -3 came.", problem (L.Uniform(L.Abs(-2.0 * one), -1.0 * one)))

    Assert.Equal(
        "The site \"speed\" has a Bernoulli that needs a probability in [0, 1]; 2 came.",
        problem (L.Bernoulli(probability = one + 1.0))
    )

[<Fact>]
let ``A parameter that is not finite is refused, also where it is in range`` () =
    for deviation, came in
        [
            Tensor.op_Implicit infinity, infinity
            one / 0.0, infinity
            one * nan, nan
            L.Constant [| 1.0; infinity |], infinity
        ] do
        let e = failure (fun () -> draw 0.0 0.0 (L.Sample("speed", normal deviation)))
        Assert.Equal($"The site \"speed\" has a Normal that needs a standard deviation > 0; {came} came.", e.Problem)
        Assert.Equal("Give a finite number.", e.Mend)

[<Fact>]
let ``What is known and in range is not checked again in each run, what is not known is`` () =
    let deep = Seq.fold (fun x _ -> 0.5 * x + 0.5 * x) one (seq { 1..100_000 })

    for deviation in [ one; 2.0 * one + 1.0; L.Exp(-one); L.Fill(one / 3.0, 2, 2); deep ] do
        Assert.False(isChecked (normal deviation))

    for deviation in [ scalar 1.0; scalar 1.0 * one; L.Exp(scalar 0.0) + one; L.Erf one ] do
        Assert.True(isChecked (normal deviation))

[<Fact>]
let ``The distribution of what is observed is held to its requirements when it is given`` () =
    let process' = Mdp.define<Tensor, Tensor, NoSettings> "seen"

    refuses "The site \"observation\" has a Normal that needs a standard deviation > 0; -2 came." (fun () ->
        process' |> Mdp.observe (fun s -> L.Normal(s, -1.0 * one * 2.0)))

    refuses "The observation of \"seen\" still varies over \"k\", which it has made itself." (fun () ->
        process'
        |> Mdp.observe (fun s -> L.Normal(s + L.Convert(L.Position(L.PlateIndex("k", 4)), DType.F32), 1.0)))

    Assert.True((process' |> Mdp.observe (fun s -> L.Normal(s, 0.5))).Observation.IsSome)
