namespace Inference

open System
open System.Globalization

/// How a finite model's evidence is computed, for people.
[<RequireQualifiedAccess>]
module internal FiniteDerivation =
    let private count (n: double) = n.ToString("N0", CultureInfo.InvariantCulture)
    let private quoted (name: string) = $"\"{name}\""
    let private list (names: string seq) = String.concat ", " (Seq.map quoted names)

    let private names (variables: FreeIndex seq) = variables |> Seq.map (fun i -> quoted i.Name) |> String.concat " × "

    let private forEach (indices: FreeIndex list) =
        match indices with
        | [] -> ""
        | _ -> ", for each " + (indices |> List.map (fun i -> quoted i.Name) |> String.concat " and ")

    let private table (variables: FreeIndex[]) = $"a table over {names variables}: {count (Elimination.size variables)} numbers"

    let private line (removed: Removed) : string =
        match removed with
        | Removed.Site(s, e) ->
            $"{quoted s.Path}: log Σ over its {s.Index.Capacity} values in {table (Elimination.scope [ e.Joint ])}{forEach s.Indices}"
        | Removed.Chain c ->
            let plates = c.Sites.Head.Indices |> List.filter (fun i -> i <> c.Time)

            let largest =
                c.Steps |> List.map (fun e -> Elimination.scope [ e.Joint ]) |> List.maxBy Elimination.size

            $"{list (c.Sites |> List.map (fun s -> s.Path))}: a message along {quoted c.Time.Name}, {c.Time.Capacity} steps; in each {table largest}{forEach plates}"

    let text (joint: FiniteJoint) : string =
        let formula, removed = FiniteJoint.derivation joint
        let lines = removed |> List.mapi (fun k r -> $"  {k + 1}. {line r}")

        String.Join(
            "\n",
            [
                $"log p(observed) = {formula}"
                match lines with
                | [] -> "No site is latent: nothing is eliminated."
                | _ ->
                    "Eliminated in this order, each time what has the smallest table:"
                    yield! lines
                    "Marginals are derivatives of this by what is added to log p of each value; the likeliest values take max for log Σ."
            ]
        )
