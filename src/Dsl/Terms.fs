namespace Inference

open System

/// One summand of a bound or of a log-density, before it is reduced.
type internal Term =
    {
        /// In mathematical notation, without its sign and without the sums over `Own`.
        Text: string
        /// Adds to the bound, or takes away.
        Sign: float
        /// Free in its plates, in samples and in the indices of enumerated values that it reads. Masked; not scaled.
        Value: Tensor
        /// What multiplies it; null for 1.
        Scale: Tensor
        /// The plates and times that it is summed over.
        Own: FreeIndex list
        /// Of a divergence, which β multiplies: how much each of its values counts, by masks and scales.
        Weight: Tensor option
    }

    member t.Scaled = Weights.scaled t.Scale t.Value

/// Summands of bounds, and how they are written.
[<RequireQualifiedAccess>]
module internal Terms =
    let private quoted (path: string) =
        "\""
        + String.collect
            (fun ch ->
                match ch with
                | '"' -> "\\\""
                | '\\' -> "\\\\"
                | '\n' -> "\\n"
                | '\r' -> "\\r"
                | _ -> string ch)
            path
        + "\""

    /// A name as it is written in a formula: in quotes if it has other characters than letters, digits, _, . and /.
    let name (path: string) =
        if path <> "" && path |> Seq.forall (fun ch -> Char.IsLetterOrDigit ch || "_./".Contains ch) then
            path
        else
            quoted path

    /// Without the indices of a list.
    let except (gone: FreeIndex list) (indices: FreeIndex list) = indices |> List.filter (fun i -> not (List.contains i gone))

    let sum indices x = Structure.sum [||] indices x
    let has (x: Tensor) (i: FreeIndex) = Array.contains i x.Indices
    let private sums (indices: FreeIndex list) = indices |> List.map (fun i -> $"Σ_{name i.Name} ") |> String.concat ""

    /// What a summand's value is multiplied by.
    let factor (beta: float) (t: Term) = t.Sign * (if t.Weight.IsSome then beta else 1.0)

    /// How a summand is written with its sums.
    let text (t: Term) = sums t.Own + t.Text

    /// Summands with their signs.
    let joined (parts: (float * string) list) =
        let all =
            parts
            |> List.map (fun (sign, text) -> (if sign < 0.0 then "− " else "+ ") + text)
            |> String.concat " "

        if all.StartsWith "+ " then all.Substring 2 else all

    /// A summand of a site or factor that stands in some plates and times.
    let summand given (indices: FreeIndex list) (scale: Tensor) text sign value : Term =
        // a scale that varies with enumerated values is part of what is summed over them
        let isPart =
            not (isNull scale) && scale.Indices |> Array.exists (fun i -> i.Kind = IndexKind.Enumerated)

        {
            Text = text
            Sign = sign
            Value = (if isPart then Weights.scaled scale value else value)
            Scale = (if isPart then null else scale)
            Own = except given indices
            Weight = None
        }

    let ofSite given (s: SiteRecord) text sign value : Term = summand given (s.Plates @ s.Times) s.Scale text sign value

    /// log p of a site.
    let prior given (s: SiteRecord) : Term = ofSite given s $"log p({name s.Path})" 1.0 s.Masked.Value

    /// The factors of a program, by their numbers.
    let ofFactors given (factors: FactorRecord list) : Term list =
        factors
        |> List.mapi (fun k f -> summand given (f.Plates @ f.Times) f.Scale $"factor {k + 1}" 1.0 f.Masked)

    /// Whether a term, summed over its own plates, keeps the values of a site apart that it has for each value of some plates.
    let mixes given (plates: FreeIndex list) (value: Tensor) (t: Term) : FreeIndex option =
        plates
        |> List.tryFind (fun i ->
            let isOpen = List.contains i t.Own || List.contains i given
            not isOpen || Dependence.over i value t.Value > Positions.Same)

    let refuseMixed path location what (i: FreeIndex) mend (t: Term) =
        Fail.at
            location
            $"The site \"{path}\" is {what} for each value of \"{i.Name}\"; {t.Text} mixes them."
            $"{mend}, or keep what reads it in the plate."
