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

    let isKnown value (x: Tensor) =
        match Known.numbers x with
        | Some values -> values |> Array.forall (fun v -> v = value || abs (v - value) < 1e-6)
        | None -> false

    /// What is found of a value, or of the value that it repeats, moves or chooses from, then moved as that is.
    let rec private through (find: Tensor -> Tensor option) (x: Tensor) : Tensor option =
        let x = bare x

        match find x, x.Op with
        | Some found, _ -> Some found
        | None,
          (Op.Broadcast _ | Op.Gather | Op.Stack _ | Op.Unstack _ | Op.Reshape | Op.Transpose _ | Op.Slice _ | Op.Reverse _ | Op.DynamicSlice) ->
            through find x.Inputs[0] |> Option.bind (fun found -> Substitution.replace [ x.Inputs[0], found ] x)
        | None, _ -> None

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

    /// The p of log p − log(1 − p).
    let private probabilityOf (logits: Tensor) : Tensor option =
        match logits.Op with
        | Op.Binary BinaryOp.Sub ->
            let a, b = logits.Inputs[0], logits.Inputs[1]

            (match a.Op, b.Op with
             | Op.Unary UnaryOp.Log, Op.Unary UnaryOp.Log1p when Sameness.equal -a.Inputs[0] b.Inputs[0] -> Some a.Inputs[0]
             | _ -> None)
        | _ -> None

    /// What the precision of a Normal is, if it is known or a Gamma site.
    let noiseOf read familyOf (d: Normal) : FactorNoise option =
        match read d.StandardDeviation with
        | Reading.Constant -> Some(FactorNoise.Fixed d.StandardDeviation)
        | Reading.Linear _
        | Reading.Nonlinear ->
            through precisionOf d.StandardDeviation
            |> Option.bind (scaledElement read familyOf ExponentialFamily.Gamma)
            |> Option.map FactorNoise.Drawn

    let private normal read familyOf isUngated (d: Normal) (value: Tensor) : FactorKind option =
        let isGaussian (f: LinearForm) = f.Terms |> List.forall (fun t -> familyOf t = ExponentialFamily.Gaussian)

        match formOf read value, formOf read d.Location, noiseOf read familyOf d with
        | Some x, Some mean, Some noise ->
            let l = LinearForms.sum x (LinearForms.minus mean)
            let b = l.Offset

            (match l.Terms, noise with
             | [], FactorNoise.Fixed s -> Some(FactorKind.Known(-0.5 * square (b / s) - log s - halfLogTwoPi))
             | [], FactorNoise.Drawn(scale, t) ->
                 let half = Build.constantOf b.DType b.Shape [| 0.5 |]
                 Some(FactorKind.Conjugate(t, [| half; 0.5 * scale * square b |], 0.5 * log scale - halfLogTwoPi))
             | [ t ], FactorNoise.Fixed s when isUngated && t.Axes = 0 && isGaussian l ->
                 let c, precision = t.Coefficient, 1.0 / square s
                 let natural = [| -c * b * precision; square c * precision |]
                 // where c is 0 it is the same everywhere
                 let flat = Build.select (equals c (number c 0.0)) (-0.5 * square (b / s)) (number b 0.0)
                 Some(FactorKind.Conjugate(t, natural, flat - log s - halfLogTwoPi))
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
        let logged (x: Tensor) =
            match x.Op with
            | Op.Unary UnaryOp.Log -> Some x.Inputs[0]
            | _ -> None

        through logged logits
        |> Option.bind (element read familyOf ExponentialFamily.Dirichlet)
        |> Option.map (fun t -> FactorKind.Conjugate(t, [| chosen logits |], number logits 0.0))

    let private gammaSite read familyOf (a: Tensor) (rate: Tensor) (read': Reading) : FactorKind option =
        match read', read a, read rate with
        | Reading.Linear { Terms = [ t ] }, Reading.Constant, Reading.Constant ->
            Some(FactorKind.Conjugate(t, [| a - 1.0; rate |], a * log rate - Special.logGamma a))
        | Reading.Linear { Terms = [ t ] }, Reading.Constant, Reading.Linear _ ->
            scaledElement read familyOf ExponentialFamily.Gamma rate
            |> Option.map (fun (scale, of') -> FactorKind.GammaOfRate(a, scale, of', t))
        | _ -> None

    /// What a rate is given values under Gamma(a, rate): log f = a·log rate − rate·y + c.
    let private rateOf read familyOf (a: Tensor) (y: Tensor) constant (rate: Tensor) =
        scaledElement read familyOf ExponentialFamily.Gamma rate
        |> Option.map (fun (scale, t) -> FactorKind.Conjugate(t, [| a; scale * y |], a * log scale + constant))

    let private ones (x: Tensor) = Build.constantOf x.DType x.Shape [| 1.0 |]

    /// A factor of what is observed, whose evidence is 0 outside the values that it may have.
    let private within (isInside: Tensor) (kind: FactorKind option) : FactorKind option =
        kind
        |> Option.map (fun kind ->
            match kind with
            | FactorKind.Conjugate(t, natural, constant) -> FactorKind.Conjugate(t, natural, where isInside constant)
            | FactorKind.Known _
            | FactorKind.OfForm _
            | FactorKind.Product _
            | FactorKind.GammaOfRate _
            | FactorKind.Limits _ -> kind)

    /// Whether values are whole numbers from 0 on.
    let private isCount (largest: int option) (x: Tensor) =
        let isWhole = if x.DType.IsFloat then equals x (floor x) else equals x x
        let isCount = both (atMost (number x 0.0) x) isWhole

        match largest with
        | Some n -> both isCount (atMost x (number x (double n)))
        | None -> isCount

    /// The factor of a site's own density, in a closed form; None if it has none here. Where it is gated its value is asked for, which is more exact as a
    /// square than as λ·u.
    let closed (read: Tensor -> Reading) familyOf isUngated (s: SiteRecord) : FactorKind option =
        // a check of parameters would hide what is observed behind the sites that these read
        let value = bare s.Value
        let isObserved = read value = Reading.Constant
        let isConstant x = read x = Reading.Constant

        match s.Distribution with
        | :? Normal as d -> normal read familyOf isUngated d value
        | :? Bernoulli as d when isObserved -> bernoulli read familyOf d value
        | :? Binomial as d when isObserved -> binomial read familyOf d value |> within (isCount (Some d.Count) value)
        | :? Categorical as d when isObserved ->
            choice read familyOf d.Logits (fun logits -> oneHot logits value)
            |> within (isCount (Some(d.Logits.Shape[0] - 1)) value)
        | :? OneHotCategorical as d when isObserved && d.Logits.Shape.Length = 1 && d.Mix = 0.0 ->
            choice read familyOf d.Logits (fun _ -> value)
        | :? Poisson as d when isObserved ->
            rateOf read familyOf value (ones value) (-(Special.logGamma (value + 1.0))) d.Rate
            |> within (isCount None value)
        | :? Exponential as d ->
            if isObserved then
                rateOf read familyOf (ones value) value (number value 0.0) d.Rate
                |> within (atMost (number value 0.0) value)
            else
                gammaSite read familyOf (ones d.Rate) d.Rate (read value)
        | :? Gamma as d ->
            if isObserved && isConstant d.Concentration then
                let a = d.Concentration

                rateOf read familyOf a value ((a - 1.0) * log value - Special.logGamma a) d.Rate
                |> within (less (number value 0.0) value)
            else
                gammaSite read familyOf d.Concentration d.Rate (read value)
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
