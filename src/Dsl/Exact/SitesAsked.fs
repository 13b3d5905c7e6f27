namespace Inference

open System
open System.Collections.Generic

/// A site of a model, at one value of each of its plates and steps.
[<Sealed>]
type SiteAt(path: string, [<ParamArray>] positions: int[]) =
    member _.Path = path
    /// One for each plate, then one for each chain that the site stands in.
    member _.Positions = positions
    static member op_Implicit(path: string) : SiteAt = SiteAt path

/// What is asked of a posterior, by the paths of its latent sites.
[<RequireQualifiedAccess>]
module internal SitesAsked =
    /// What is known of a latent site, by its path.
    let find (path: string) (known: (string * 'S) list) : 'S =
        match known |> List.tryFind (fun (p, _) -> p = path) with
        | Some(_, s) -> s
        | None ->
            let paths = known |> List.map (fun (p, _) -> $"\"{p}\"") |> String.concat ", "

            Fail.model
                $"There is no latent site \"{path}\"."
                (if paths = "" then
                     "The model has none."
                 else
                     $"The model's latent sites are {paths}.")

    /// Checks that a site is asked for at one place of those that it has.
    let requirePlace (q: SiteAt) (indices: FreeIndex list) : unit =
        if q.Positions.Length <> indices.Length then
            let places = indices |> List.map (fun i -> $"\"{i.Name}\"") |> String.concat ", "

            Fail.model
                $"The site \"{q.Path}\" is asked for at {q.Positions.Length} places; it stands in {indices.Length} plates and chains ({places})."
                "Give the position in each, from the outermost plate, then the chains."

        for i, position in Seq.zip indices q.Positions do
            if position < 0 || position >= i.Capacity then
                Fail.model
                    $"The site \"{q.Path}\" is asked for at {position} of \"{i.Name}\", which has {i.Capacity}."
                    $"Positions are from 0 to {i.Capacity - 1}."

/// Values of all latent sites of a model together.
[<Sealed>]
type SiteValues internal (values: IReadOnlyDictionary<string, Tensor>) =
    /// The values of a site: plates and steps are leading axes.
    member _.Value(path: string) : Tensor = SitesAsked.find path [ for v in values -> v.Key, v.Value ]
