module Inference.Dsl.Tests.ExplanationTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.ExactBounds
open Inference.Dsl.Tests.Formulas
open Xunit

/// Names that could be taken for parts of a formula.
let private names =
    [|
        "z"
        "log p(z)"
        "a\"b"
        "back\\slash"
        "z + "
        "Σ_i "
        "line\nbreak"
        "KL(q(z) ‖ p(z))"
        "0.5·z"
        "max(1, mean z)"
        "τ_1"
        "E_z"
        "sample x"
    |]

type private Kind =
    | Real
    | Enumerated
    | Scored
    | SummedOut

/// A random model with a guide and an objective.
let private random (seed: int) =
    let r = Random seed
    let pick (xs: 'a list) = xs[r.Next xs.Length]
    let shuffled = names |> Array.sortBy (fun _ -> r.Next())
    let plate = L.PlateIndex(shuffled[0], 2)
    let data = L.Unstack(vector [ 0.7; -0.4 ], plate)
    let order = pick [ 1.0; 1.0; 1.0; 0.0; 0.5 ]
    let samples = if order = 1.0 then pick [ 1; 1; 3 ] else 3

    let kinds =
        [
            for k in 1 .. 1 + r.Next 3 ->
                let kind =
                    pick (
                        if order = 1.0 then
                            [ Real; Enumerated; Scored; SummedOut ]
                        else
                            [ Real; Scored; SummedOut ]
                    )

                shuffled[k], kind, r.Next 2 = 0
        ]

    // values of a site beside the plate are no sum over what is enumerated for each datum
    let kinds =
        let isMixed = kinds |> List.exists (fun (_, kind, isInPlate) -> kind = Enumerated && isInPlate)

        kinds
        |> List.map (fun (name, kind, isInPlate) -> name, kind, isInPlate || (isMixed && kind = SummedOut))

    let has kind = kinds |> List.exists (fun (_, k, _) -> k = kind)
    // one site or two along a chain, which reads the others
    let chained = pick [ 0; 0; 1; 2 ]

    let isChainInPlate =
        r.Next 2 = 0 || kinds |> List.exists (fun (_, kind, isInPlate) -> kind = Enumerated && isInPlate)

    let time = L.TimeIndex(shuffled[8], 3)
    let isPlain = order = 1.0 && not (has SummedOut) && chained = 0
    let objective = Objective(Samples = samples, Order = order, SampledDivergences = (r.Next 3 = 0))

    if isPlain && r.Next 2 = 0 then
        objective.Beta <- 2.5

    if isPlain && not (has Scored) && r.Next 2 = 0 then
        objective.FreeNats <- pick [ 0.05; 3.0 ]

    for name, kind, isInPlate in kinds do
        let path = if isInPlate then $"{plate.Name}/{name}" else name

        match kind with
        | Real -> ()
        | Enumerated
        | SummedOut -> objective.Estimators[path] <- Estimator.Enumerated
        | Scored -> objective.Estimators[path] <- Estimator.Score Baseline.Nothing

    let chainPath = if isChainInPlate then $"{plate.Name}/{time.Name}" else time.Name

    for k in 1..chained do
        objective.Estimators[$"{chainPath}/{shuffled[4 + k]}"] <- Estimator.Enumerated

    let site name kind (x: Tensor) =
        match kind with
        | Real -> L.Sample(name, L.Normal(x, scalar (0.6 + 0.05 * double name.Length)))
        | Enumerated
        | Scored
        | SummedOut -> L.Sample(name, L.Bernoulli(logits = x))

    let placed isInPlate (body: Prob<Tensor>) = if isInPlate then L.Plate(plate, body) |> Prob.map (fun p -> p.Value) else body

    let chain (mean: Tensor) =
        let site k (x: Tensor) = L.Sample(shuffled[4 + k], L.Bernoulli(logits = x + 0.2 * mean))

        L.Markov(
            time,
            (scalar 0.3, scalar 0.1),
            fun (a, b) ->
                prob {
                    let! a = site 1 (0.7 * a - b)
                    let! b = if chained = 2 then site 2 (a + 0.4 * b) else Prob.result b
                    do! L.Observe(shuffled[10], L.Normal(mean + a - 0.5 * b, 0.9), 0.3 * L.Convert(L.Position time, DType.F32))
                    return a, b
                }
        )
        |> Prob.bind (fun c -> L.Observe(shuffled[11], L.Normal(fst c.Final, 1.2), scalar 0.4))

    // sites of the plate read those beside it and before them in it; those beside it read those beside it
    let draws isGuide (shift: double) =
        Prob<(bool * Tensor) list>(fun c ->
            kinds
            |> List.fold
                (fun (drawn: (bool * Tensor) list) (name, kind, isInPlate) ->
                    if isGuide && kind = SummedOut then
                        drawn
                    else
                        let read = drawn |> List.filter (fun (other, _) -> isInPlate || not other) |> List.map snd
                        let start = if isInPlate then shift * data else scalar shift
                        let x = read |> List.fold (fun (s: Tensor) (v: Tensor) -> s + 0.6 * v) start
                        (isInPlate, (placed isInPlate (site name kind x)).Run c) :: drawn)
                [])

    let model =
        prob {
            let! drawn = draws false 0.3
            let mean = drawn |> List.map snd |> List.reduce (+)

            let! _ =
                L.Plate(
                    plate,
                    prob {
                        do! L.Observe(shuffled[9], L.Normal(mean, 0.9), data)
                        do! L.Factor(-0.1 * mean * data)
                    }
                )

            if chained > 0 && isChainInPlate then
                let! _ = L.Plate(plate, chain mean)
                return ()

            if chained > 0 && not isChainInPlate then
                do! chain (drawn |> List.filter (fst >> not) |> List.map snd |> List.fold (+) (scalar 0.3))
        }

    objective, model, draws true -0.2

[<Fact>]
let ``The formula of a bound says what is computed`` () =
    for k in 1..150 do
        let objective, model, guide = random k

        try
            let bound, scored = draw 5.0 0.0 (EvidenceBound.derive objective model guide)
            let _, drawn = Prob.trace (fun path _ -> (scored.TryFind path).Value.Value) guide
            // the factors come with the model's own trace
            let valued (given: Map<string, Tensor>) =
                let value path _ =
                    given.TryFind path |> Option.defaultWith (fun () -> (scored.TryFind path).Value.Value)

                snd (Prob.trace value model)

            let weighed = valued Map.empty

            let samples =
                scored.Sites |> Seq.collect (fun s -> s.Plates) |> Seq.tryFind (fun i -> i.Name = "sample")

            let m = Meaning(valued, weighed, drawn, samples)
            let line = bound.Explanation.Split("\n  ").[0]
            let reader = Reader line
            let explained = reader.Explained()
            Assert.True(reader.Ends, line)
            Assert.Equal(objective.Samples, explained.Samples)
            Assert.Equal(objective.Order, explained.Order)

            let parts =
                [
                    for text, value in bound.Parts do
                        let reader = Reader text
                        let found = m.Of(reader.Atom(), [])
                        Assert.True(reader.Ends, text)
                        let average = samples |> Option.fold (fun x i -> L.MeanOver(i, x)) found
                        average, value
                ]

            let pairs = (meaning explained m samples, bound.Value) :: parts

            let values =
                interpret
                    []
                    []
                    (build "meaning" (fun b ->
                        pairs
                        |> List.iteri (fun n (x, y) ->
                            b.Output($"{n} expected", x)
                            b.Output($"{n} found", y))))

            for n in 0 .. pairs.Length - 1 do
                close (List.ofArray values[$"{n} expected"]) values[$"{n} found"]
        with e ->
            raise (Exception($"Model {k}: {e.Message} {(derive objective model guide).Explanation}", e))

[<Fact>]
let ``An explanation lists the sites, with their estimators`` () =
    let i = L.PlateIndex("data", 2)

    let model =
        prob {
            let! w = L.Sample("w", L.Normal(0.0, 1.0))
            let! k = L.Sample("k", L.Bernoulli(logits = scalar 0.0))
            let! c = L.Sample("c", L.Bernoulli(logits = scalar 0.0))
            let! _ = L.Plate(i, L.Observe("x", L.Normal(w + k + c, 1.0), scalar 0.3))
            return ()
        }

    let guide =
        prob {
            let! _ = L.Sample("w", L.Laplace(scalar 0.0, scalar 1.0))
            let! _ = L.Sample("k", L.Bernoulli(logits = scalar 0.0))
            return ()
        }

    let o = Objective.Elbo 4
    o.Estimators["k"] <- Estimator.Score Baseline.LeaveOneOut
    o.Estimators["c"] <- Estimator.Enumerated
    let found, _ = draw 0.0 0.0 (EvidenceBound.derive o model guide)

    let expected =
        [
            "maximise mean_4 [ − (log q(w) − log p(w)) − KL(q(k) ‖ p(k)) + log Σ_c exp(Σ_data log p(data/x) + log p(c)) ]"
            "  data/x ~ Normal[] (a scalar), observed"
            "  w ~ Laplace[] (a scalar), prior Normal; reparameterised"
            "  k ~ Bernoulli[] (a scalar), prior Bernoulli; score function, leave-one-out baseline"
            "  c ~ Bernoulli[] (a scalar), summed out"
        ]

    Assert.Equal(String.Join("\n", expected), found.Explanation)
