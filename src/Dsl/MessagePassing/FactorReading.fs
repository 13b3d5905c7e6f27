namespace Inference

open System

/// Which factor a site's density, or a log-weight, is.
[<RequireQualifiedAccess>]
module internal FactorReading =
    /// A value without the checks that it passes.
    let rec bare (x: Tensor) =
        match x.Op with
        | Op.Check _
        | Op.Probe _ -> bare x.Inputs[0]
        | _ -> x

    let private formOf (read: Tensor -> Reading) (x: Tensor) =
        match read x with
        | Reading.Linear f -> Some f
        | Reading.Constant -> Some(LinearForms.constant x)
        | Reading.Nonlinear -> None

    /// scale·element of one site of a family.
    let private scaledElement read (familyOf: LinearTerm -> ExponentialFamily) family (x: Tensor) : (Tensor * LinearTerm) option =
        match read x with
        | Reading.Linear { Terms = [ t ]; Offset = offset } when t.Axes = 0 && LinearForms.isAll 0.0 offset && familyOf t = family ->
            Some(t.Coefficient, t)
        | _ -> None

    let private element read familyOf family x =
        match scaledElement read familyOf family x with
        | Some(scale, t) when LinearForms.isAll 1.0 scale -> Some t
        | _ -> None

    let private isKnown value (x: Tensor) =
        match Known.numbers x with
        | Some values -> values |> Array.forall (fun v -> v = value || abs (v - value) < 1e-6)
        | None -> false

    /// The precision 1/d² of a deviation d = c/√p.
    let private precisionOf (x: Tensor) : Tensor option =
        let over (c: Tensor) (root: Tensor) =
            let root = bare root

            match root.Op with
            | Op.Unary UnaryOp.Sqrt -> Some(bare root.Inputs[0], c)
            | _ -> None

        let x = bare x

        let found =
            match x.Op with
            | Op.Binary BinaryOp.Div -> over x.Inputs[0] x.Inputs[1]
            | Op.Binary BinaryOp.Pow when isKnown -0.5 x.Inputs[1] -> Some(bare x.Inputs[0], number x 1.0)
            | Op.Unary UnaryOp.Sqrt ->
                let inner = bare x.Inputs[0]

                (match inner.Op with
                 | Op.Binary BinaryOp.Div -> Some(bare inner.Inputs[1], sqrt inner.Inputs[0])
                 | _ -> None)
            | _ -> None

        found |> Option.map (fun (p, c) -> if isKnown 1.0 c then p else p / square c)

    /// The L of Φ(L), as `exp (logNormalCdf L)` or ½ + ½·erf(L/√2).
    let private probitOf read (p: Tensor) : LinearForm option =
        let p = bare p

        let ofErf () =
            Traverse.postOrder [ p ]
            |> Array.tryFind (fun x ->
                match x.Op with
                | Op.Unary UnaryOp.Erf -> true
                | _ -> false)
            |> Option.bind (fun erf ->
                match LinearForms.read [ erf ] p with
                | Reading.Linear { Terms = [ t ]; Offset = offset } when t.Axes = 0 && isKnown 0.5 t.Coefficient && isKnown 0.5 offset ->
                    formOf read erf.Inputs[0] |> Option.map (LinearForms.scaled (number erf (sqrt 2.0)))
                | _ -> None)

        match p.Op with
        | Op.Unary UnaryOp.Exp ->
            let inner = bare p.Inputs[0]

            (match inner.Op with
             | Op.Derivative rule when rule.Name = "logNormalCdf" -> formOf read inner.Inputs[1]
             | _ -> None)
        | _ -> ofErf ()

    let private normal read familyOf (d: Normal) (value: Tensor) : FactorKind option =
        let noise =
            match read d.StandardDeviation with
            | Reading.Constant -> Some(FactorNoise.Fixed d.StandardDeviation)
            | Reading.Linear _
            | Reading.Nonlinear ->
                precisionOf d.StandardDeviation
                |> Option.bind (scaledElement read familyOf ExponentialFamily.Gamma)
                |> Option.map FactorNoise.Drawn

        let isGaussian (f: LinearForm) = f.Terms |> List.forall (fun t -> familyOf t = ExponentialFamily.Gaussian)

        match formOf read value, formOf read d.Location, noise with
        | Some x, Some mean, Some noise ->
            let l = LinearForms.sum x (LinearForms.minus mean)
            let b = l.Offset

            (match l.Terms, noise with
             | [], FactorNoise.Fixed s -> Some(FactorKind.Known(-0.5 * square (b / s) - log s - halfLogTwoPi))
             | [], FactorNoise.Drawn(scale, t) ->
                 let half = Build.constantOf b.DType b.Shape [| 0.5 |]
                 Some(FactorKind.Conjugate(t, [| half; 0.5 * scale * square b |], 0.5 * log scale - halfLogTwoPi))
             | [ t ], FactorNoise.Fixed s when t.Axes = 0 && isGaussian l ->
                 let c, precision = t.Coefficient, 1.0 / square s
                 let natural = [| -c * b * precision; square c * precision |]
                 Some(FactorKind.Conjugate(t, natural, -0.5 * square b * precision - log s - halfLogTwoPi))
             | _ when isGaussian l -> Some(FactorKind.OfForm(l, Likelihood.Gaussian noise))
             | _ -> None)
        | _ -> None

    let private counts (t: LinearTerm) (ones: Tensor) (zeros: Tensor) constant = FactorKind.Conjugate(t, [| ones; zeros |], constant)

    let private bernoulli read familyOf (d: Bernoulli) (y: Tensor) : FactorKind option =
        match d.Probability with
        | Some p ->
            (match element read familyOf ExponentialFamily.Beta p, probitOf read p with
             | Some t, _ -> Some(counts t y (1.0 - y) (Build.fill y.Shape (number y 0.0)))
             | None, Some l -> Some(FactorKind.OfForm(LinearForms.scaled (2.0 * y - 1.0) l, Likelihood.Probit))
             | None, None -> None)
        | None -> None

    let private binomial read familyOf (d: Binomial) (y: Tensor) : FactorKind option =
        let n = Build.fill y.Shape (number y (double d.Count))

        d.Probability
        |> Option.bind (element read familyOf ExponentialFamily.Beta)
        |> Option.map (fun t -> counts t y (n - y) (Special.logChoose n y))

    /// Log-probabilities that are the logarithm of a Dirichlet's parts.
    let private choice read familyOf (logits: Tensor) (chosen: Tensor -> Tensor) : FactorKind option =
        match logits.Op with
        | Op.Unary UnaryOp.Log ->
            element read familyOf ExponentialFamily.Dirichlet logits.Inputs[0]
            |> Option.map (fun t -> FactorKind.Conjugate(t, [| chosen logits |], number logits 0.0))
        | _ -> None

    let private gammaSite read (a: Tensor) (rate: Tensor) (read': Reading) : FactorKind option =
        match read', read a, read rate with
        | Reading.Linear { Terms = [ t ] }, Reading.Constant, Reading.Constant ->
            Some(FactorKind.Conjugate(t, [| a - 1.0; rate |], a * log rate - Special.logGamma a))
        | _ -> None

    /// What a rate is given values under Gamma(a, rate): log f = a·log rate − rate·y + c.
    let private rateOf read familyOf (a: Tensor) (y: Tensor) constant (rate: Tensor) =
        scaledElement read familyOf ExponentialFamily.Gamma rate
        |> Option.map (fun (scale, t) -> FactorKind.Conjugate(t, [| a; scale * y |], a * log scale + constant))

    let private ones (x: Tensor) = Build.constantOf x.DType x.Shape [| 1.0 |]

    /// The factor of a site's own density, in a closed form; None if it has none here.
    let closed (read: Tensor -> Reading) familyOf (s: SiteRecord) : FactorKind option =
        // a check of parameters would hide what is observed behind the sites that these read
        let value = bare s.Value
        let isObserved = read value = Reading.Constant
        let isConstant x = read x = Reading.Constant

        match s.Distribution with
        | :? Normal as d -> normal read familyOf d value
        | :? Bernoulli as d when isObserved -> bernoulli read familyOf d value
        | :? Binomial as d when isObserved -> binomial read familyOf d value
        | :? Categorical as d when isObserved -> choice read familyOf d.Logits (fun logits -> oneHot logits value)
        | :? OneHotCategorical as d when isObserved && d.Logits.Shape.Length = 1 && d.Mix = 0.0 ->
            choice read familyOf d.Logits (fun _ -> value)
        | :? Poisson as d when isObserved -> rateOf read familyOf value (ones value) (-(Special.logGamma (value + 1.0))) d.Rate
        | :? Exponential as d ->
            if isObserved then
                rateOf read familyOf (ones value) value (number value 0.0) d.Rate
            else
                gammaSite read (ones d.Rate) d.Rate (read value)
        | :? Gamma as d ->
            if isObserved && isConstant d.Concentration then
                let a = d.Concentration
                rateOf read familyOf a value ((a - 1.0) * log value - Special.logGamma a) d.Rate
            else
                gammaSite read d.Concentration d.Rate (read value)
        | :? Beta as d ->
            (match read value with
             | Reading.Linear { Terms = [ t ] } when isConstant d.Alpha && isConstant d.Beta ->
                 Some(FactorKind.Conjugate(t, [| d.Alpha - 1.0; d.Beta - 1.0 |], -(Special.logBeta d.Alpha d.Beta)))
             | _ -> None)
        | :? Dirichlet as d ->
            (match read value with
             | Reading.Linear { Terms = [ t ] } when isConstant d.Concentration ->
                 Some(FactorKind.Conjugate(t, [| d.Concentration - 1.0 |], -d.LogNormaliser))
             | _ -> None)
        | _ -> None

    /// A log-weight that counts only where a condition on no site holds: the condition, or null, and what counts there.
    let rec unmasked (read: Tensor -> Reading) (logWeight: Tensor) : Tensor * Tensor =
        let x = bare logWeight

        match x.Op with
        | Op.Select when
            read x.Inputs[0] = Reading.Constant
            && LinearForms.isAll 0.0 x.Inputs[2]
            && read x.Inputs[1] <> Reading.Constant
            ->
            let inner, weight = unmasked read x.Inputs[1]
            (if isNull inner then x.Inputs[0] else both inner x.Inputs[0]), weight
        | _ -> null, x

    /// A log-weight of a step or of Φ, in a closed form.
    let closedWeight (read: Tensor -> Reading) (logWeight: Tensor) : FactorKind option =
        let x = bare logWeight

        match Intervals.ofLogWeight read x, x.Op with
        | Some { Form = l; Low = Some low; High = None }, _ ->
            Some(FactorKind.OfForm({ l with Offset = l.Offset - low }, Likelihood.Positive))
        | Some { Form = l; Low = None; High = Some high }, _ ->
            Some(FactorKind.OfForm(LinearForms.sum (LinearForms.minus l) (LinearForms.constant high), Likelihood.Positive))
        | Some { Form = l; Low = Some low; High = Some high }, _ -> Some(FactorKind.OfForm(l, Likelihood.Between(low, high)))
        | _, Op.Derivative rule when rule.Name = "logNormalCdf" ->
            formOf read x.Inputs[1] |> Option.map (fun l -> FactorKind.OfForm(l, Likelihood.Probit))
        | _ -> None

    /// A step, where points of a quadrature would miss its edge.
    let private isStep (read: Tensor -> Reading) (x: Tensor) =
        match x.Op with
        | Op.Select -> read x.Inputs[0] = Reading.Nonlinear && x.Inputs |> Array.exists (isKnown Double.NegativeInfinity)
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
