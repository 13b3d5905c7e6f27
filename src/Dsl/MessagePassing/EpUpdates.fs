namespace Inference

open System

/// The messages of one factor by expectation propagation.
[<RequireQualifiedAccess>]
module internal EpUpdates =
    /// A cavity: what all other messages say of the elements that a factor reads, in natural parameters.
    type Cavity =
        {
            Term: LinearTerm
            /// Mean times precision, and precision.
            Shift: Tensor
            Precision: Tensor
        }

    /// The variance that stands for none known.
    let private flat = 1e30

    let private isKnown (c: Cavity) = less (number c.Precision 0.0) c.Precision

    let private variance (c: Cavity) =
        Build.select (isKnown c) (1.0 / Build.select (isKnown c) c.Precision (number c.Precision 1.0)) (number c.Precision flat)

    let private mean (c: Cavity) =
        Build.select (isKnown c) (c.Shift / Build.select (isKnown c) c.Precision (number c.Precision 1.0)) (number c.Precision 0.0)

    /// A part of L from one term, for each element of the factor and, apart, without the own element.
    type private Part =
        {
            Cavity: Cavity
            Mean: Tensor
            Variance: Tensor
            /// Of c·x at each element.
            OwnMean: Tensor
            OwnVariance: Tensor
        }

    let private part (c: Cavity) =
        let t = c.Term
        let m, v = t.Coefficient * mean c, square t.Coefficient * variance c
        let sum x = Structure.sum (LinearForms.axesOf t) [] x

        { Cavity = c; Mean = sum m; Variance = sum v; OwnMean = m; OwnVariance = v }

    /// The mean and variance of L without one term's own elements.
    let private rest (offset: Tensor) (parts: Part list) (p: Part) =
        let others = parts |> List.filter (fun other -> not (obj.ReferenceEquals(other, p)))
        let along x = LinearForms.along p.OwnMean.Shape x
        let mean = others |> List.fold (fun sum other -> sum + other.Mean) offset |> along

        let variance =
            match others with
            | [] -> number p.OwnVariance 0.0 |> along
            | _ -> others |> List.map (fun other -> other.Variance) |> List.reduce (+) |> along

        if p.Cavity.Term.Axes = 0 then
            mean, variance
        else
            mean + (along p.Mean - p.OwnMean), variance + larger (number variance 0.0) (along p.Variance - p.OwnVariance)

    /// Σ over terms of the mean and variance of L.
    let private whole (offset: Tensor) (parts: Part list) =
        parts |> List.fold (fun sum p -> sum + p.Mean) offset, parts |> List.map (fun p -> p.Variance) |> List.reduce (+)

    /// log ∫ N(x; cavity)·exp(ρx − ½τx²) dx.
    let private logOverlap (c: Cavity) (message: Tensor[]) =
        let m, v = mean c, variance c
        let rho, tau = message[0], message[1]
        0.5 * (2.0 * m * rho + v * square rho - tau * square m) / (1.0 + tau * v) - 0.5 * log1p (tau * v)

    let private tilted (points: int) (likelihood: Likelihood) m v : Tilted =
        match likelihood with
        | Likelihood.Probit -> Tilted.probit m v
        | Likelihood.Positive -> Tilted.positive m v
        | Likelihood.Between(low, high) -> Tilted.between low high m v
        | Likelihood.Other logWeight -> Tilted.quadrature points logWeight m v
        | Likelihood.Gaussian _ -> invalidOp "A Gaussian factor has messages in closed form."

    /// Messages (ρ, τ) to the elements of each term, for each cavity.
    let messages (points: int) (form: LinearForm) (likelihood: Likelihood) (cavities: Cavity list) : Tensor[] list =
        let parts = List.map part cavities

        match likelihood with
        | Likelihood.Gaussian(FactorNoise.Fixed s) ->
            // N(c·x; −rest, σ² + its variance)
            [
                for p in parts do
                    let m, v = rest form.Offset parts p
                    let c = p.Cavity.Term.Coefficient
                    let total = v + LinearForms.along v.Shape (square s)
                    [| -(c * m) / total; square c / total |]
            ]
        | _ ->
            let m, v = whole form.Offset parts
            let z = tilted points likelihood m v

            // each x moves by its share of what L does: mean + c·v·slope, variance·(1 − share·shrink)
            [
                for p in parts do
                    let _, others = rest form.Offset parts p
                    let c = p.Cavity.Term.Coefficient
                    let along x = LinearForms.along p.OwnMean.Shape x
                    let left = (others + p.OwnVariance * along z.Left) / along v
                    let tau = square c * along (z.Shrink / v) / left
                    [| mean p.Cavity * tau + c * along z.Slope / left; tau |]
            ]

    /// What a factor adds to the log-evidence besides Σ Φ: log ∫ f·cavities − Σ log ∫ cavity·message, for each element of the factor.
    let evidence (points: int) (form: LinearForm) (likelihood: Likelihood) (cavities: Cavity list) (messages: Tensor[] list) : Tensor =
        let parts = List.map part cavities

        let overlap (p: Part, message: Tensor[]) =
            Structure.sum (LinearForms.axesOf p.Cavity.Term) [] (logOverlap p.Cavity message)

        let pairs = List.zip parts messages

        match likelihood, pairs with
        | Likelihood.Gaussian(FactorNoise.Fixed s), (first, _) :: others when first.Cavity.Term.Axes = 0 ->
            // of the first site, whose cavity may be flat, the message is the factor itself: N(c·x; −m, v) = exp(ρx − ½τx² − k)
            let m, v = rest form.Offset parts first
            let v = v + square s
            List.fold (fun sum pair -> sum - overlap pair) (-0.5 * square m / v - 0.5 * log v - halfLogTwoPi) others
        | Likelihood.Gaussian(FactorNoise.Fixed s), _ ->
            let m, v = whole form.Offset parts
            let v = v + square s
            List.fold (fun sum pair -> sum - overlap pair) (-0.5 * square m / v - 0.5 * log v - halfLogTwoPi) pairs
        | _ ->
            let m, v = whole form.Offset parts
            let z = tilted points likelihood m v
            List.fold (fun sum pair -> sum - overlap pair) z.LogZ pairs

    /// Whether a factor can be divided out of its sites' marginals: what is left must be a density, or for Gaussian factors at least flat.
    let isAllowed (likelihood: Likelihood) (c: Cavity) : Tensor =
        let zero = number c.Precision 0.0

        let holds =
            match likelihood with
            | Likelihood.Gaussian _ -> atMost zero c.Precision
            | Likelihood.Probit
            | Likelihood.Positive
            | Likelihood.Between _
            | Likelihood.Other _ -> less zero c.Precision

        let finite = less (abs c.Shift) (number c.Shift Double.PositiveInfinity)
        both holds finite
