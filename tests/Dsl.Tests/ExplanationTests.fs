module Inference.Dsl.Tests.ExplanationTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.ExactBounds
open Xunit

/// A formula of a bound, as its explanation writes it.
type private Formula =
    | LogP of string
    | LogQ of string
    | Divergence of string
    | Ratio of string
    | Factor of int
    | SumOver of string * Formula
    | MeanOf of string * Formula
    | LogSum of string * Formula
    | AtLeast of double * Formula
    | Sum of (double * Formula) list

/// The samples, the order, and what is summed for each sample.
type private Explained = { Samples: int; Order: double; Each: Formula }

/// Reads formulas, one character after another; each alternative begins with a text of its own.
type private Reader(text: string) =
    let mutable at = 0

    let isName ch = Char.IsLetterOrDigit ch || "_./".Contains(ch: char)
    let isDigit ch = Char.IsAsciiDigit ch || ".E-".Contains(ch: char)
    let fail () : 'a = failwith $"Not understood at {at}: {text.Substring at}"

    member _.Ends = at = text.Length

    member _.Tries(expected: string) =
        let found = String.CompareOrdinal(text, at, expected, 0, expected.Length) = 0

        if found then
            at <- at + expected.Length

        found

    member r.Takes(expected: string) =
        if not (r.Tries expected) then
            fail ()

    member private _.While(condition: char -> bool) =
        let start = at

        while at < text.Length && condition text[at] do
            at <- at + 1

        if at = start then
            fail ()

        text.Substring(start, at - start)

    member r.Number() = double (r.While isDigit)

    member r.Name() =
        if r.Tries "\"" then
            let name = Text.StringBuilder()

            while not (r.Tries "\"") do
                let escaped = r.Tries "\\"
                let ch = text[at]
                at <- at + 1
                name.Append(if escaped && ch = 'n' then '\n' else ch) |> ignore

            name.ToString()
        else
            r.While isName

    member private r.Closed(make: string -> Formula) =
        let name = r.Name()
        r.Takes ")"
        make name

    member r.Atom() : Formula =
        if r.Tries "log p(" then
            r.Closed LogP
        elif r.Tries "log q(" then
            r.Closed LogQ
        elif r.Tries "KL(q(" then
            let name = r.Name()
            r.Takes ") ‖ p("
            Assert.Equal(name, r.Name())
            r.Takes "))"
            Divergence name
        elif r.Tries "(log q(" then
            let name = r.Name()
            r.Takes ") − log p("
            Assert.Equal(name, r.Name())
            r.Takes "))"
            Ratio name
        elif r.Tries "factor " then
            Factor(int (r.Number()))
        elif r.Tries "Σ_" then
            let name = r.Name()
            r.Takes " "
            SumOver(name, r.Atom())
        elif r.Tries "E_" then
            let name = r.Name()
            r.Takes " "
            MeanOf(name, r.Atom())
        elif r.Tries "log Σ_" then
            let name = r.Name()
            r.Takes " exp("
            let inside = r.Sum()
            r.Takes ")"
            LogSum(name, inside)
        else
            r.Takes "max("
            let least = r.Number()
            r.Takes ", mean "
            let inside = r.Atom()
            r.Takes ")"
            AtLeast(least, inside)

    member r.Sum() : Formula =
        let term sign =
            if Char.IsAsciiDigit text[at] then
                let factor = r.Number()
                r.Takes "·"
                sign * factor, r.Atom()
            else
                sign, r.Atom()

        let first = term (if r.Tries "− " then -1.0 else 1.0)

        let rec rest found =
            if r.Tries " + " then rest (term 1.0 :: found)
            elif r.Tries " − " then rest (term -1.0 :: found)
            else Sum(List.rev found)

        rest [ first ]

    member r.Explained() : Explained =
        r.Takes "maximise "

        let bracketed samples order ending =
            let each = r.Sum()
            r.Takes ending
            { Samples = samples; Order = order; Each = each }

        if r.Tries "mean_" then
            let samples = int (r.Number())
            r.Takes " [ "
            bracketed samples 1.0 " ]"
        elif r.Tries "log mean_" then
            let samples = int (r.Number())
            r.Takes " exp[ "
            bracketed samples 0.0 " ]"
        elif r.Tries "1/" then
            let share = r.Number()
            r.Takes "·log mean_"
            let samples = int (r.Number())
            r.Takes " exp("
            Assert.Equal(share, r.Number())
            r.Takes "·[ "
            bracketed samples (1.0 - share) " ])"
        else
            { Samples = 1; Order = 1.0; Each = r.Sum() }

/// Evaluates formulas from the traces of a model and its guide.
type private Meaning(model: Trace, guide: Trace, samples: FreeIndex option) =
    let p path = (model.TryFind path).Value
    let q path = (guide.TryFind path).Value
    let weighed path (x: Tensor) = (p path).Weighed x

    /// The plate or chain of a name that a value varies over, or that a site has which stands in the formula.
    let rec indices formula : FreeIndex list =
        match formula with
        | LogP path
        | LogQ path
        | Divergence path
        | Ratio path -> (p path).Plates @ (p path).Times
        | Factor k -> model.LooseFactors[k - 1].Plates @ model.LooseFactors[k - 1].Times
        | SumOver(_, f)
        | MeanOf(_, f)
        | AtLeast(_, f) -> indices f
        | LogSum(path, f) -> (p path).Plates @ indices f
        | Sum terms -> terms |> List.collect (fun (_, f) -> indices f)

    let ofName name formula = indices formula |> List.find (fun (i: FreeIndex) -> i.Name = name)

    /// The index over all values of a site.
    let values path =
        (p path).Value.Indices |> Array.find (fun i -> i.Kind = IndexKind.Enumerated && i.Name = path)

    member m.Of(formula: Formula, summed: FreeIndex list) : Tensor =
        match formula with
        | LogP path -> (p path).LogDensity.Value
        | LogQ path -> weighed path (q path).Score.Value
        | Divergence path -> weighed path (L.Kl((q path).Distribution, (p path).Distribution))
        | Ratio path -> weighed path (q path).Score.Value - (p path).LogDensity.Value
        | Factor k -> model.LooseFactors[k - 1].LogWeight
        | SumOver(name, f) ->
            let i = ofName name f
            L.SumOver(i, m.Of(f, i :: summed))
        | MeanOf(path, f) -> L.SumOver(values path, L.Exp (q path).Score.Value * m.Of(f, summed))
        | LogSum(path, f) -> L.LogSumExpOver(values path, m.Of(f, summed))
        | AtLeast(least, f) ->
            let all = Option.toList samples @ summed
            let mean = all |> List.fold (fun x i -> L.MeanOver(i, x)) (m.Of(f, summed))
            L.Max(scalar least, mean)
        | Sum terms -> terms |> List.map (fun (c, f) -> c * m.Of(f, summed)) |> List.reduce (+)

let private meaning (explained: Explained) (m: Meaning) (samples: FreeIndex option) =
    let each = m.Of(explained.Each, [])

    match samples with
    | None -> each
    | Some i when explained.Order = 1.0 -> L.MeanOver(i, each)
    | Some i ->
        let share = 1.0 - explained.Order
        (L.LogSumExpOver(i, share * each) - log (double explained.Samples)) / share

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
    let isPlain = order = 1.0 && not (has SummedOut)
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

    let site name kind (x: Tensor) =
        match kind with
        | Real -> L.Sample(name, L.Normal(x, scalar (0.6 + 0.05 * double name.Length)))
        | Enumerated
        | Scored
        | SummedOut -> L.Sample(name, L.Bernoulli(logits = x))

    let placed isInPlate (body: Prob<Tensor>) = if isInPlate then L.Plate(plate, body) |> Prob.map (fun p -> p.Value) else body

    // sites of the plate read those beside it and before them in it; those beside it read those beside it
    let draws isGuide (shift: double) =
        Prob<Tensor list>(fun c ->
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
                []
            |> List.map snd)

    let model =
        prob {
            let! drawn = draws false 0.3
            let mean = drawn |> List.reduce (+)

            let! _ =
                L.Plate(
                    plate,
                    prob {
                        do! L.Observe(shuffled[9], L.Normal(mean, 0.9), data)
                        do! L.Factor(-0.1 * mean * data)
                    }
                )

            return ()
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
            let _, weighed = Prob.trace (fun path _ -> (scored.TryFind path).Value.Value) model

            let samples =
                scored.Sites |> Seq.collect (fun s -> s.Plates) |> Seq.tryFind (fun i -> i.Name = "sample")

            let m = Meaning(weighed, drawn, samples)
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
