/// The families of distributions as a table: parameters, a distribution of them, and where its values lie.
module Inference.Dsl.Tests.DistributionCases

open System
open Inference
open Inference.Dsl.Tests.Evaluation

/// How the values of one number are spread for sums in place of integrals: by double-exponential substitutions, which take singular edges and heavy tails.
type Spread =
    | Line of centre: double * width: double
    | HalfLine of width: double
    | Between of low: double * high: double

type Family =
    {
        Name: string
        Parameters: double list
        Make: Tensor list -> Distribution
        Spread: Spread
    }

    /// The distribution of one number.
    member f.One: Distribution = f.Make(f.Parameters |> List.map scalar)
    /// That many independent ones.
    member f.Many(count: int) : Distribution = f.Make(f.Parameters |> List.map (fun p -> L.Fill(scalar p, count)))

let private family name parameters spread make =
    {
        Name = name
        Parameters = parameters
        Make =
            fun (p: Tensor list) ->
                let at k = if k < p.Length then p[k] else null
                make (at 0) (at 1) (at 2) (at 3)
        Spread = spread
    }

let continuous: Family list =
    [
        family "Normal" [ 0.7; 1.3 ] (Line(0.7, 1.3)) (fun m s _ _ -> L.Normal(m, s))
        family "TanhNormal" [ 0.3; 0.8 ] (Between(-1.0, 1.0)) (fun m s _ _ -> L.TanhNormal(m, s))
        family "TruncatedNormal" [ 0.5; 1.2; -0.4; 2.0 ] (Between(-0.4, 2.0)) (fun m s l h -> L.TruncatedNormal(m, s, l, h))
        family "TruncatedNormal in a tail" [ 0.0; 1.0; 6.0; 7.0 ] (Between(6.0, 7.0)) (fun m s l h -> L.TruncatedNormal(m, s, l, h))
        family "TruncatedNormal below" [ 0.2; 0.7; 0.9 ] (Between(-7.0, 0.9)) (fun m s h _ ->
            L.TruncatedNormal(m, s, Build.scalar DType.F32 -infinity, h))
        family "LogNormal" [ 0.3; 0.5 ] (HalfLine 1.0) (fun m s _ _ -> L.LogNormal(m, s))
        family "SymlogNormal" [ 0.4; 0.6 ] (Line(0.0, 0.2)) (fun m s _ _ -> L.SymlogNormal(m, s))
        family "Laplace" [ -0.4; 0.6 ] (Line(-0.4, 0.15)) (fun m s _ _ -> L.Laplace(m, s))
        family "StudentT" [ 5.5; 0.4; 0.8 ] (Line(0.4, 0.8)) (fun d m s _ -> L.StudentT(d, m, s))
        family "StudentT of many degrees" [ 2e4; 0.4; 0.8 ] (Line(0.4, 0.8)) (fun d m s _ -> L.StudentT(d, m, s))
        family "Uniform" [ -1.0; 3.0 ] (Between(-1.0, 3.0)) (fun l h _ _ -> L.Uniform(l, h))
        family "Exponential" [ 1.7 ] (HalfLine 0.5) (fun r _ _ _ -> L.Exponential r)
        family "Gamma of a small shape" [ 0.4; 2.0 ] (HalfLine 0.1) (fun a r _ _ -> L.Gamma(a, r))
        family "Gamma" [ 3.5; 0.7 ] (HalfLine 4.0) (fun a r _ _ -> L.Gamma(a, r))
        family "Gamma of a large shape" [ 40.0; 2.0 ] (HalfLine 20.0) (fun a r _ _ -> L.Gamma(a, r))
        family "Beta" [ 2.5; 4.0 ] (Between(0.0, 1.0)) (fun a b _ _ -> L.Beta(a, b))
        family "Beta of small parameters" [ 0.4; 0.7 ] (Between(0.0, 1.0)) (fun a b _ _ -> L.Beta(a, b))
        family "affine" [ 0.5; -2.0 ] (Line(0.5, 0.4)) (fun m s _ _ ->
            L.Transformed(L.Laplace(0.0 * m, Build.scalar DType.F32 1.0), Bijectors.Affine(m, s)))
        family "softplus" [ 0.2; 0.9 ] (HalfLine 0.8) (fun m s _ _ -> L.Transformed(L.Normal(m, s), Bijectors.Softplus))
        family "sigmoid" [ 0.2; 0.9 ] (Between(0.0, 1.0)) (fun m s _ _ -> L.Transformed(L.Normal(m, s), Bijectors.Sigmoid))
        family "exp, affine" [ 0.2; 0.5 ] (HalfLine 1.0) (fun m s _ _ ->
            L.Transformed(L.Normal(m, s), Bijectors.Exp.Then(Bijectors.Affine(0.0 * m, Build.scalar DType.F32 2.0))))
    ]

/// Values 0 … last, which hold all but a negligible part.
let discrete: (Family * int) list =
    let none = Line(0.0, 1.0)

    [
        family "Bernoulli" [ 0.7 ] none (fun l _ _ _ -> L.Bernoulli(logits = l)), 1
        family "Bernoulli by probability" [ 0.2 ] none (fun p _ _ _ -> L.Bernoulli(probability = p)), 1
        family "Binomial" [ -0.4 ] none (fun l _ _ _ -> L.Binomial(7, logits = l)), 7
        family "Binomial of many" [ 0.07 ] none (fun p _ _ _ -> L.Binomial(120, probability = p)), 120
        family "Poisson of a small rate" [ 0.3 ] none (fun r _ _ _ -> L.Poisson r), 20
        family "Poisson" [ 12.5 ] none (fun r _ _ _ -> L.Poisson r), 80
        family "Poisson at the border" [ 29.9 ] none (fun r _ _ _ -> L.Poisson r), 130
        family "Poisson beyond the border" [ 30.1 ] none (fun r _ _ _ -> L.Poisson r), 130
        family "Poisson of a large rate" [ 400.0 ] none (fun r _ _ _ -> L.Poisson r), 700
    ]

/// Values of a spread with their weights: Σ wₖ·f(xₖ) is an integral.
let nodes (spread: Spread) : (double * double)[] =
    let h = 0.0125
    let half = Math.PI / 2.0

    [|
        for k in -360 .. 360 do
            let t = h * double k
            let s, c = half * sinh t, half * cosh t

            let x, w =
                match spread with
                | Line(centre, width) -> centre + width * sinh s, width * cosh s * c
                | HalfLine width -> width * exp s, width * exp s * c
                | Between(low, high) ->
                    // from the nearer edge, so that its digits stay
                    let part = 1.0 / (1.0 + exp (2.0 * abs s))
                    let x = if t < 0.0 then low + (high - low) * part else high - (high - low) * part
                    x, (high - low) * 0.5 / (cosh s * cosh s) * c

            match spread with
            | Between(low, high) when x <= low || x >= high -> ()
            | HalfLine _ when x = 0.0 -> ()
            | _ when abs x > 1e8 -> ()
            | _ -> x, w * h
    |]

/// The log-densities of a distribution of one number at given values.
let logDensities (d: Distribution) (values: double[]) : double[] =
    let i = L.PlateIndex("value", values.Length)
    let x = L.Unstack(vector (List.ofArray values), i)
    numbers (L.Stack(d.LogDensity(if d.DType = DType.I32 then L.Convert(x, DType.I32) else x), i))

/// ∫ f(x)·p(x) dx for several f at once.
let expectations (d: Distribution) spread (fs: (double -> double -> double) list) : double list =
    let points = nodes spread
    let logs = logDensities d (Array.map fst points)

    [
        for f in fs -> Seq.sum (Seq.map2 (fun (x, w) l -> if l = -infinity then 0.0 else w * exp l * f x l) points logs)
    ]

let private source low : Draws = { Key = seed low 0.0; Plates = []; Times = [] }

/// A draw under a seed.
let drawn low (d: Distribution) : Tensor = d.Draw(source low)

/// The distribution function by sums, for values between nodes by interpolation.
let cdf (d: Distribution) spread : double -> double =
    let points = nodes spread
    let logs = logDensities d (Array.map fst points)
    let mass = Array.map2 (fun (_, w) l -> w * exp l) points logs
    // half of a node's weight lies before it
    let before =
        Array.scan (+) 0.0 mass |> Array.take mass.Length |> Array.map2 (fun m s -> s + 0.5 * m) mass

    let xs = Array.map fst points

    fun x ->
        match Array.BinarySearch(xs, x) with
        | k when k >= 0 -> before[k]
        | k ->
            match ~~~k with
            | 0 -> 0.0
            | n when n = xs.Length -> 1.0
            | n -> before[n - 1] + (before[n] - before[n - 1]) * (x - xs[n - 1]) / (xs[n] - xs[n - 1])
