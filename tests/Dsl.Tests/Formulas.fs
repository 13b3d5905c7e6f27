/// The formulas by which bounds explain themselves, read and evaluated.
module Inference.Dsl.Tests.Formulas

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.ExactBounds
open Xunit

/// A formula of a bound, as its explanation writes it.
type Formula =
    | LogP of string
    | LogQ of string
    | Divergence of string
    | Ratio of string
    | Factor of int
    | SumOver of string * Formula
    | MeanOf of string * Formula
    | LogSum of string * Formula
    /// Over all values of sites at all steps of a chain: of each site the chain's name.
    | LogSumAlong of (string * string) list * Formula
    | AtLeast of double * Formula
    | Sum of (double * Formula) list

/// The samples, the order, and what is summed for each sample.
type Explained = { Samples: int; Order: double; Each: Formula }

/// Reads formulas, one character after another; each alternative begins with a text of its own.
type Reader(text: string) =
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

    /// A site, or some with the chains along which they are summed.
    member private r.SummedOver() : (string * string option) list =
        let name = r.Name()

        if r.Tries "[" then
            let time = r.Name()
            r.Takes "]"
            (name, Some time) :: (if r.Tries "," then r.SummedOver() else [])
        else
            [ name, None ]

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
            let over = r.SummedOver()
            r.Takes " exp("
            let inside = r.Sum()
            r.Takes ")"

            match over with
            | [ name, None ] -> LogSum(name, inside)
            | sites -> LogSumAlong(sites |> List.map (fun (name, time) -> name, Option.get time), inside)
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

/// Evaluates formulas from the traces of a model and its guide. The model is traced again with other values of some sites.
type Meaning(retrace: Map<string, Tensor> -> Trace, model: Trace, guide: Trace, samples: FreeIndex option) =
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
        | LogSumAlong(sites, f) -> (sites |> List.collect (fun (path, _) -> (p path).Plates @ (p path).Times)) @ indices f
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
        | LogSumAlong(sites, f) ->
            let along (path, time) =
                let site = p path
                let steps = site.Times |> List.find (fun i -> i.Name = time)
                path, [ steps ], [ 0.0; 1.0 ], site.Value.DType

            let all = grid 1.0 (List.map along sites)
            let given = Meaning(retrace, retrace all.Values, guide, samples)
            L.LogSumExpOver(all.Index, given.Of(f, summed))
        | AtLeast(least, f) ->
            let all = Option.toList samples @ summed
            let mean = all |> List.fold (fun x i -> L.MeanOver(i, x)) (m.Of(f, summed))
            L.Max(scalar least, mean)
        | Sum terms -> terms |> List.map (fun (c, f) -> c * m.Of(f, summed)) |> List.reduce (+)

let meaning (explained: Explained) (m: Meaning) (samples: FreeIndex option) =
    let each = m.Of(explained.Each, [])

    match samples with
    | None -> each
    | Some i when explained.Order = 1.0 -> L.MeanOver(i, each)
    | Some i ->
        let share = 1.0 - explained.Order
        (L.LogSumExpOver(i, share * each) - log (double explained.Samples)) / share
