namespace Inference

open System

/// Kullback–Leibler divergences, KL(p ‖ q) = E_p[log p(x) − log q(x)], in nats.
[<RequireQualifiedAccess>]
module Divergence =
    /// Mean and standard deviation, of what is a Normal of independent elements.
    let private (|Gaussian|_|) (d: Distribution) =
        match d with
        | :? Normal as n -> Some(n.Location, n.StandardDeviation)
        | :? DiagonalNormal as n -> Some(n.Location, exp (0.5 * n.LogVariance))
        | _ -> None

    let private gaussian (m1: Tensor) (s1: Tensor) (m2: Tensor) (s2: Tensor) =
        let ratio = s1 / s2
        all (0.5 * (square ratio + square ((m1 - m2) / s2) - 1.0) - log ratio)

    /// Σ p·(log p − log q), where p is not 0.
    let private categorical (p: Tensor) (q: Tensor) = all (weigh (exp p) (p - q))

    let private bernoulli (p: Tensor) (q: Tensor) =
        let part (weight: Tensor) (a: Tensor) (b: Tensor) = weigh weight (Special.logSigmoid a - Special.logSigmoid b)
        part (Special.sigmoid p) p q + part (Special.sigmoid -p) -p -q

    let private gamma (a1: Tensor) (r1: Tensor) (a2: Tensor) (r2: Tensor) =
        (a1 - a2) * Special.digamma a1 - Special.logGamma a1
        + Special.logGamma a2
        + a2 * log (r1 / r2)
        + a1 * (r2 / r1 - 1.0)

    let private beta (p: Beta) (q: Beta) =
        let part (x: Tensor) (y: Tensor) = (x - y) * Special.digamma x
        let s1, s2 = p.Alpha + p.Beta, q.Alpha + q.Beta

        Special.logBeta q.Alpha q.Beta - Special.logBeta p.Alpha p.Beta
        + part p.Alpha q.Alpha
        + part p.Beta q.Beta
        - part s1 s2

    let private dirichlet (p: Dirichlet) (q: Dirichlet) =
        let a, b = p.Concentration, q.Concentration
        let mean = Special.digamma a - Build.fill a.Shape (Special.digamma (all a))
        q.LogNormaliser - p.LogNormaliser + all ((a - b) * mean)

    let private laplace (p: Laplace) (q: Laplace) =
        let d = abs (p.Location - q.Location)
        log (q.Scale / p.Scale) + (p.Scale * exp (-d / p.Scale) + d) / q.Scale - 1.0

    let private multivariate (p: MultivariateNormal) (q: MultivariateNormal) =
        let n = double p.Location.Count
        let ratio = Factorisations.triangularSolve q.Factor false p.LowerFactor
        let z = Factorisations.triangularSolve q.Factor false (p.Location - q.Location)
        q.LogDeterminant - p.LogDeterminant + 0.5 * (all (square ratio) + all (square z) - n)

    let private uniform (p: Uniform) (q: Uniform) =
        let inside = both (atMost q.Low p.Low) (atMost p.High q.High)
        let ratio = log ((q.High - q.Low) / (p.High - p.Low))
        Build.select inside ratio (number ratio Double.PositiveInfinity)

    /// KL(p ‖ q) in closed form, or none. A Dirac counts as a probability at a point: KL(Dirac x ‖ q) = −log q(x), and +∞ the other way.
    let rec kl (p: Distribution) (q: Distribution) : Tensor option =
        if p.Shape <> q.Shape then
            Fail.model
                $"KL of {p.Name} and {q.Name} needs one shape; {Fail.shape p.Shape} and {Fail.shape q.Shape} came."
                "Give both distributions values of one shape."

        match p, q with
        | Gaussian(m1, s1), Gaussian(m2, s2) -> Some(gaussian m1 s1 m2 s2)
        | (:? MultivariateNormal as p), (:? MultivariateNormal as q) -> Some(multivariate p q)
        | (:? MultivariateNormal as p), Gaussian(m, s) -> Some(multivariate p (MultivariateNormal.Diagonal(m, s)))
        | Gaussian(m, s), (:? MultivariateNormal as q) -> Some(multivariate (MultivariateNormal.Diagonal(m, s)) q)
        | (:? LogNormal as p), (:? LogNormal as q) -> kl p.OfLog q.OfLog
        | (:? Bernoulli as p), (:? Bernoulli as q) -> Some(all (bernoulli p.Logits q.Logits))
        | (:? Binomial as p), (:? Binomial as q) when p.Count = q.Count -> Some(all (double p.Count * bernoulli p.Logits q.Logits))
        | (:? Categorical as p), (:? Categorical as q) when p.LogProbabilities.Count = q.LogProbabilities.Count ->
            Some(categorical p.LogProbabilities q.LogProbabilities)
        | (:? OneHotCategorical as p), (:? OneHotCategorical as q) -> Some(categorical p.LogProbabilities q.LogProbabilities)
        | (:? Poisson as p), (:? Poisson as q) -> Some(all (p.Rate * log (p.Rate / q.Rate) + q.Rate - p.Rate))
        | (:? Gamma as p), (:? Gamma as q) -> Some(all (gamma p.Concentration p.Rate q.Concentration q.Rate))
        | (:? Exponential as p), (:? Exponential as q) -> Some(all (log (p.Rate / q.Rate) + q.Rate / p.Rate - 1.0))
        | (:? Beta as p), (:? Beta as q) -> Some(all (beta p q))
        | (:? Dirichlet as p), (:? Dirichlet as q) -> Some(dirichlet p q)
        | (:? Laplace as p), (:? Laplace as q) -> Some(all (laplace p q))
        | (:? Uniform as p), (:? Uniform as q) -> Some(all (uniform p q))
        | (:? Transformed as p), (:? Transformed as q) when obj.ReferenceEquals(p.Map, q.Map) -> kl p.From q.From
        | (:? Dirac as p), _ -> Some(-(q.LogDensity p.Value))
        | _, (:? Dirac) ->
            let dtype = if p.DType.IsFloat then p.DType else DType.F32
            Some(Build.scalar dtype Double.PositiveInfinity)
        | _ -> None

    /// The distribution with its parameters taken as constants, for those that closed forms are known of.
    let private held (d: Distribution) : Distribution option =
        let stop = Calculus.stopGradient

        match d with
        | Gaussian(mean, deviation) -> Some(Normal(stop mean, stop deviation))
        | :? MultivariateNormal as n -> Some(MultivariateNormal(stop n.Location, stop n.Factor))
        | :? LogNormal as n -> Some(LogNormal(stop n.OfLog.Location, stop n.OfLog.StandardDeviation))
        | :? Bernoulli as b -> Some(Bernoulli.OfLogits(stop b.Logits))
        | :? Categorical as c -> Some(Categorical(stop c.LogProbabilities))
        | :? OneHotCategorical as c -> Some(OneHotCategorical(stop c.LogProbabilities, 0.0))
        | :? Poisson as p -> Some(Poisson(stop p.Rate))
        | :? Exponential as e -> Some(Exponential(stop e.Rate))
        | :? Gamma as g -> Some(Gamma(stop g.Concentration, stop g.Rate))
        | :? Beta as b -> Some(Beta(stop b.Alpha, stop b.Beta))
        | :? Dirichlet as d -> Some(Dirichlet(stop d.Concentration))
        | :? Laplace as l -> Some(Laplace(stop l.Location, stop l.Scale))
        | _ -> None

    /// KL(p ‖ q) whose derivatives move q by a share of the whole and p by the rest: share·KL(p₀ ‖ q) + (1 − share)·KL(p ‖ q₀), where p₀ and q₀
    /// are held constant (Hafner et al., "Mastering Atari with discrete world models", 2021). None where no closed form is known.
    let balanced (share: double) (p: Distribution) (q: Distribution) : Tensor option =
        match held p, held q with
        | Some p0, Some q0 -> Option.map2 (fun a b -> share * a + (1.0 - share) * b) (kl p0 q) (kl p q0)
        | _ -> None

    /// log p(x) − log q(x) at one draw x of p: unbiased. Average it over a plate of draws.
    let estimate (draws: Draws) (p: Distribution) (q: Distribution) : Tensor =
        let x, score = p.DrawScored draws
        score.Value - q.LogDensity x
