namespace Inference

open System

/// Factors that are known by how they depend on sites, whatever their density is.
[<RequireQualifiedAccess>]
module internal GeneralFactors =
    /// A step, where points of a quadrature would miss its edge.
    let private isStep (read: Tensor -> Reading) (x: Tensor) =
        match x.Op with
        | Op.Select ->
            read x.Inputs[0] = Reading.Nonlinear
            && x.Inputs |> Array.exists (FactorReading.isKnown Double.NegativeInfinity)
        | _ -> false

    /// Where what is linear in sites ends: linear values that something else is computed from.
    let private edge (read: Tensor -> Reading) (order: Tensor[]) : (Tensor * LinearForm)[] =
        let linear (x: Tensor) =
            match read x with
            | Reading.Linear f -> Some(x, f)
            | Reading.Constant
            | Reading.Nonlinear -> None

        order
        |> Array.filter (fun x -> read x = Reading.Nonlinear)
        |> Array.collect (fun x -> x.Inputs)
        |> Array.distinct
        |> Array.choose linear

    /// Any log-density of one number that reads sites through one linear form alone: the form, and log t at its values.
    let ofOneForm (read: Tensor -> Reading) familyOf (sites: Tensor list) (logDensity: Tensor) : FactorKind option =
        read logDensity |> ignore
        let order = Traverse.postOrder [ logDensity ]
        let edge = edge read order

        let replaced (targets: (Tensor * (Tensor -> Tensor)) list) (l: Tensor) =
            Substitution.replace [ for x, value in targets -> x, value l ] logDensity

        // nothing but the form may lead to a site
        let reads (f: LinearForm) targets =
            match replaced targets (Build.constantOf f.Offset.DType [||] [| 0.0 |]) with
            | Some rest when sites |> List.exists (fun s -> Dependence.needs s rest) -> None
            | Some _ -> Some(FactorKind.OfForm(f, Likelihood.Other(fun l -> (replaced targets l).Value)))
            | None -> None

        /// One element of one site, however often it is read.
        let element (t: LinearTerm) =
            let own =
                {
                    Terms = [ { t with Coefficient = Build.constantOf t.Read.DType [||] [| 1.0 |] } ]
                    Offset = Build.constantOf t.Read.DType [||] [| 0.0 |]
                }

            let isOfElement (f: LinearForm) =
                match f.Terms with
                | [ other ] -> other.Axes = 0 && Sameness.equal other.Read t.Read
                | _ -> false

            if t.Axes = 0 && edge |> Array.forall (snd >> isOfElement) then
                reads own [ for x, f in edge -> x, (fun l -> f.Terms[0].Coefficient * l + f.Offset) ]
            else
                None

        let isUsable (_, f: LinearForm) =
            f.Offset.IsScalar && f.Terms |> List.forall (fun t -> familyOf t = ExponentialFamily.Gaussian)

        if edge.Length = 0 || not (Array.forall isUsable edge) || Array.exists (isStep read) order then
            None
        else
            match edge |> Array.tryPick (fun (x, f) -> reads f [ x, id ]), (snd edge[0]).Terms with
            | Some kind, _ -> Some kind
            | None, [ t ] -> element t
            | None, _ -> None

    /// A Normal whose mean multiplies sites: linear in each while the others are held.
    let product (read: Tensor -> Reading) familyOf (sites: Tensor list) (s: SiteRecord) : FactorKind option =
        match s.Distribution with
        | :? Normal as d ->
            let residual = FactorReading.bare s.Value - d.Location

            let formOf x =
                match LinearForms.read [ x ] residual with
                | Reading.Linear f when f.Terms |> List.forall (fun t -> familyOf t = ExponentialFamily.Gaussian) -> Some f.Terms
                | Reading.Linear _
                | Reading.Constant
                | Reading.Nonlinear -> None

            let terms = sites |> List.filter (fun x -> Dependence.needs x residual) |> List.map formOf

            if List.forall Option.isSome terms then
                FactorReading.noiseOf read familyOf d
                |> Option.map (fun noise -> FactorKind.Product(residual, terms |> List.choose id |> List.concat, noise))
            else
                None
        | _ -> None
