/// Linear-Gaussian models of many structures with random coefficients, and their posteriors from the joint density alone: it is the exponential of a
/// quadratic form, which is found by evaluating it.
module Inference.Dsl.Tests.GaussianModels

open System
open Inference
open Inference.Dsl.Tests.Evaluation

/// A model with its latent sites: their paths, indices and shapes.
type Gaussian = { Model: Prob<unit>; Sites: (string * FreeIndex list * int list) list }

/// Coefficients that are drawn by a seed.
type Coefficients(seed: int) =
    let random = Random seed

    let normal () =
        sqrt (-2.0 * log (1.0 - random.NextDouble())) * cos (2.0 * Math.PI * random.NextDouble())

    member _.Number = scalar (normal ())
    member _.Vector n = vector [ for _ in 1..n -> normal () ]
    member _.Matrix(n, m) = tensor [ n; m ] [ for _ in 1 .. n * m -> 0.7 * normal () ]
    /// Between 0.4 and 1.4.
    member _.Deviation = scalar (0.4 + random.NextDouble())
    member _.Deviations n = vector [ for _ in 1..n -> 0.4 + random.NextDouble() ]

    /// A lower triangular factor with a positive diagonal.
    member _.Factor n =
        tensor
            [ n; n ]
            [
                for i in 0 .. n - 1 do
                    for j in 0 .. n - 1 do
                        if j > i then 0.0
                        elif i = j then 0.5 + random.NextDouble()
                        else 0.5 * normal ()
            ]

    member c.Data(index: FreeIndex) = L.Unstack(c.Vector index.Capacity, index)

/// A model whose coefficients are the same whenever it is traced.
let private ofSeed seed (model: Coefficients -> Prob<unit>) = Prob<unit>(fun c -> (model (Coefficients seed)).Run c)

let private times (a: Tensor) (x: Tensor) = L.Dot(a, x)

/// Vectors that read one another, one of them through a sum and a slice, and an observation of parts.
let network (seed: int) : Gaussian =
    let model (c: Coefficients) =
        prob {
            let! a = L.Sample("a", L.Normal(c.Vector 2, c.Deviations 2))
            let! b = L.Sample("b", L.MultivariateNormal(times (c.Matrix(3, 2)) a + c.Vector 3, c.Factor 3))
            let! s = L.Sample("s", L.Normal(c.Number * L.Sum b - L.Element(a, 1) / c.Deviation, c.Deviation))
            do! L.Observe("first", L.MultivariateNormal(L.Slice(b, 0, 1, 3) - 2.0 * L.Reverse(a, 0), c.Factor 2), c.Vector 2)
            do! L.Observe("second", L.Normal(L.Select(L.Less(c.Number, 0.0), s, -s), c.Deviation), c.Number)
            do! L.Observe("third", L.DiagonalNormal(L.Concat(0, a, c.Vector 2)), c.Vector 2)
        }

    {
        Model = ofSeed seed model
        Sites = [ "a", [], [ 2 ]; "b", [], [ 3 ]; "s", [], [] ]
    }

/// A chain of the second order with inputs, that starts from a site and reads another at each step; its end is observed.
let autoregression (seed: int) : Gaussian =
    let t = L.TimeIndex("t", 4)

    let model (c: Coefficients) =
        prob {
            let! drift = L.Sample("drift", L.Normal(c.Number, c.Deviation))
            let! start = L.Sample("start", L.Normal(c.Number * drift, c.Deviation))
            let first, second, input = c.Number, c.Number, c.Data t
            let seen, q, r = c.Data t, c.Deviation, c.Deviation

            let! chain =
                L.Markov<Tensor * Tensor>(
                    t,
                    (start, scalar 0.3),
                    fun (x, before) ->
                        prob {
                            let! z = L.Sample("z", L.Normal(first * x + second * before + drift + input, q))
                            do! L.Observe("y", L.Normal(z - 0.5 * x, r), seen)
                            return z, x
                        }
                )

            let last, before = chain.Final
            do! L.Observe("end", L.Normal(last + before + start, c.Deviation), c.Number)
        }

    {
        Model = ofSeed seed model
        Sites = [ "drift", [], []; "start", [], []; "t/z", [ t ], [] ]
    }

/// A state space of two states and three observations, and what it carries besides: a sum.
let stateSpace (seed: int) : Gaussian =
    let t = L.TimeIndex("t", 3)

    let model (c: Coefficients) =
        prob {
            let f, h, q, r, seen =
                c.Matrix(2, 2), c.Matrix(3, 2), c.Factor 2, c.Factor 3, L.Unstack(c.Matrix(3, 3), t)

            let! chain =
                L.Markov<Tensor * Tensor>(
                    t,
                    (c.Vector 2, scalar 0.0),
                    fun (x, sum) ->
                        prob {
                            let! z = L.Sample("z", L.MultivariateNormal(times f x, q))
                            do! L.Observe("y", L.MultivariateNormal(times h z, r), seen)
                            return z, sum + L.Sum z
                        }
                )

            do! L.Observe("sum", L.Normal(snd chain.Final, c.Deviation), c.Number)
        }

    { Model = ofSeed seed model; Sites = [ "t/z", [ t ], [ 2 ] ] }

/// Plates within a plate, which read one another and what is outside.
let groups (seed: int) : Gaussian =
    let i, j = L.PlateIndex("i", 3), L.PlateIndex("j", 2)

    let model (c: Coefficients) =
        prob {
            let! mean = L.Sample("mean", L.Normal(c.Vector 2, c.Deviations 2))
            let! other = L.Sample("other", L.Normal(L.Sum mean, c.Deviation))

            let! _ =
                L.Plate(
                    i,
                    prob {
                        let! group = L.Sample("group", L.Normal(c.Data i * L.Element(mean, 0) + c.Number, c.Deviation))
                        let! second = L.Sample("second", L.Normal(c.Vector 2 * group + mean, c.Deviations 2))

                        let! _ =
                            L.Plate(
                                j,
                                prob {
                                    let! x = L.Sample("x", L.Normal(group + L.Element(second, 1) + c.Number * other, c.Deviation))
                                    do! L.Observe("y", L.Normal(c.Number * x + group, c.Deviation), c.Data i + c.Data j)
                                }
                            )

                        do! L.Observe("z", L.Normal(second, c.Deviations 2), c.Vector 2)
                    }
                )

            do! L.Observe("w", L.Normal(other - L.Element(mean, 1), c.Deviation), c.Number)
        }

    {
        Model = ofSeed seed model
        Sites =
            [
                "mean", [], [ 2 ]
                "other", [], []
                "i/group", [ i ], []
                "i/second", [ i ], [ 2 ]
                "i/j/x", [ i; j ], []
            ]
    }

/// A chain for each value of a plate, that reads what is outside, with a plate of sensors at each step.
let panel (seed: int) : Gaussian =
    let i, t, k = L.PlateIndex("i", 2), L.TimeIndex("t", 3), L.PlateIndex("k", 2)

    let model (c: Coefficients) =
        prob {
            let! shared = L.Sample("shared", L.Normal(c.Number, c.Deviation))

            let! _ =
                L.Plate(
                    i,
                    prob {
                        let! own = L.Sample("own", L.Normal(shared, c.Deviation))
                        let rate, q, r, d, e = c.Number, c.Deviation, c.Deviation, c.Data t + c.Data i, c.Data k

                        let! chain =
                            L.Markov<Tensor>(
                                t,
                                own,
                                fun x ->
                                    prob {
                                        let! z = L.Sample("z", L.Normal(rate * x + shared, q))

                                        let! _ =
                                            L.Plate(
                                                k,
                                                prob {
                                                    let! bias = L.Sample("bias", L.Normal(0.1 * z, r))
                                                    do! L.Observe("y", L.Normal(z + bias, r), d + e)
                                                }
                                            )

                                        return z
                                    }
                            )

                        do! L.Observe("end", L.Normal(chain.Final - own, c.Deviation), c.Data i)
                    }
                )

            ()
        }

    {
        Model = ofSeed seed model
        Sites = [ "shared", [], []; "i/own", [ i ], []; "i/t/z", [ i; t ], []; "i/t/k/bias", [ i; k; t ], [] ]
    }

/// A chain within each step of a chain.
let nested (seed: int) : Gaussian =
    let t, u = L.TimeIndex("t", 2), L.TimeIndex("u", 3)

    let model (c: Coefficients) =
        prob {
            let a, b, q, r, seen = c.Number, c.Number, c.Deviation, c.Deviation, c.Data t + c.Data u

            let! _ =
                L.Markov<Tensor>(
                    t,
                    scalar 0.4,
                    fun x ->
                        prob {
                            let! level = L.Sample("level", L.Normal(a * x, q))

                            let! inner =
                                L.Markov<Tensor>(
                                    u,
                                    level,
                                    fun v ->
                                        prob {
                                            let! w = L.Sample("w", L.Normal(b * v + level, r))
                                            do! L.Observe("y", L.Normal(w, q), seen)
                                            return w
                                        }
                                )

                            return level + 0.5 * inner.Final
                        }
                )

            ()
        }

    {
        Model = ofSeed seed model
        Sites = [ "t/level", [ t ], []; "t/u/w", [ t; u ], [] ]
    }

let all: (string * (int -> Gaussian)) list =
    [
        "network", network
        "autoregression", autoregression
        "state space", stateSpace
        "groups", groups
        "panel", panel
        "nested chains", nested
    ]

/// The posterior of all elements of latent sites in a row.
type Dense =
    {
        LogEvidence: double
        Mean: double[]
        Covariance: double[,]
        /// Where the elements of a site start.
        Start: Map<string, int>
    }

let private size (indices: FreeIndex list) (shape: int list) = (indices |> List.fold (fun n i -> n * i.Capacity) 1) * List.fold (*) 1 shape

/// The log-joint density at some points, rows of values of all elements.
let private densities (g: Gaussian) (points: double[][]) : double[] =
    let point = FreeIndex("point", Extent.Fixed points.Length, IndexKind.Plate)
    let n = points[0].Length

    let row = L.Unstack(L.Reshape(L.Constant(Array.concat points), points.Length, n), point)

    let starts = g.Sites |> List.scan (fun at (_, i, s) -> at + size i s) 0

    let values =
        [
            for (path, indices, shape), start in List.zip g.Sites (List.take g.Sites.Length starts) ->
                let caps = [ for i in indices -> i.Capacity ]
                let own = L.Reshape(Shapes.part 0 start (start + size indices shape) row, Array.ofList (caps @ shape))
                path, List.fold (fun (x: Tensor) (i: FreeIndex) -> L.Unstack(x, i)) own indices
        ]
        |> Map

    let _, trace = Prob.trace (fun path _ -> values[path]) g.Model
    numbers (L.Stack(Prob.logJoint trace, point))

/// The inverse of a positive definite matrix, and the logarithm of its determinant.
let inverse (m: double[,]) : double[,] * double =
    let n = m.GetLength 0

    let a =
        Array2D.init n (2 * n) (fun i j ->
            if j < n then m[i, j]
            elif j - n = i then 1.0
            else 0.0)

    let mutable log = 0.0

    for k in 0 .. n - 1 do
        let pivot = a[k, k]
        log <- log + Math.Log pivot

        for j in 0 .. 2 * n - 1 do
            a[k, j] <- a[k, j] / pivot

        for i in 0 .. n - 1 do
            if i <> k then
                let factor = a[i, k]

                for j in 0 .. 2 * n - 1 do
                    a[i, j] <- a[i, j] - factor * a[k, j]

    Array2D.init n n (fun i j -> a[i, j + n]), log

let dense (g: Gaussian) : Dense =
    let n = g.Sites |> List.sumBy (fun (_, i, s) -> size i s)
    let axis (k: int list) sign = Array.init n (fun i -> if List.contains i k then sign else 0.0)

    let pairs =
        [|
            for i in 0 .. n - 1 do
                for j in 0 .. i - 1 do
                    i, j
        |]

    let found =
        densities
            g
            [|
                yield Array.zeroCreate n

                for i in 0 .. n - 1 do
                    yield axis [ i ] 1.0
                    yield axis [ i ] -1.0

                for i, j in pairs do
                    yield axis [ i; j ] 1.0
            |]

    let c, plus, minus = found[0], (fun i -> found[1 + 2 * i]), (fun i -> found[2 + 2 * i])
    let linear = Array.init n (fun i -> 0.5 * (plus i - minus i))
    let precision = Array2D.init n n (fun i j -> if i = j then 2.0 * c - plus i - minus i else 0.0)

    pairs
    |> Array.iteri (fun k (i, j) ->
        let value = plus i + plus j - c - found[1 + 2 * n + k]
        precision[i, j] <- value
        precision[j, i] <- value)

    let covariance, logDeterminant = inverse precision
    let mean = Array.init n (fun i -> Seq.sum [ for j in 0 .. n - 1 -> covariance[i, j] * linear[j] ])

    {
        LogEvidence =
            c
            + 0.5 * Array.fold2 (fun s a b -> s + a * b) 0.0 mean linear
            + 0.5 * (double n * Math.Log(2.0 * Math.PI) - logDeterminant)
        Mean = mean
        Covariance = covariance
        Start =
            List.zip
                [ for path, _, _ in g.Sites -> path ]
                (g.Sites |> List.scan (fun at (_, i, s) -> at + size i s) 0 |> List.take g.Sites.Length)
            |> Map
    }

/// What is to come of a site: its mean, and the covariance of its elements at each place.
let marginal (d: Dense) (path: string, indices: FreeIndex list, shape: int list) : double list * double list =
    let n = List.fold (*) 1 shape
    let start = d.Start[path]

    [ for k in 0 .. size indices shape - 1 -> d.Mean[start + k] ],
    [
        for place in 0 .. size indices [] - 1 do
            for i in 0 .. n - 1 do
                for j in 0 .. n - 1 do
                    d.Covariance[start + place * n + i, start + place * n + j]
    ]
