/// Small dense algebra in plain loops, as an oracle.
module Inference.Dsl.Tests.LinearQuadratic.Dense

/// x of A·x = b by elimination with pivots, and log |det A|.
let solve (a: double[,]) (b: double[]) : double[] * double =
    let n = b.Length
    let a, x = Array2D.copy a, Array.copy b
    let mutable logDeterminant = 0.0

    for k in 0 .. n - 1 do
        let pivot = Seq.maxBy (fun i -> abs a[i, k]) (seq { k .. n - 1 })

        for j in 0 .. n - 1 do
            let held = a[k, j]
            a[k, j] <- a[pivot, j]
            a[pivot, j] <- held

        let held = x[k]
        x[k] <- x[pivot]
        x[pivot] <- held
        logDeterminant <- logDeterminant + log (abs a[k, k])

        for i in 0 .. n - 1 do
            if i <> k then
                let share = a[i, k] / a[k, k]

                for j in k .. n - 1 do
                    a[i, j] <- a[i, j] - share * a[k, j]

                x[i] <- x[i] - share * x[k]

    Array.mapi (fun k v -> v / a[k, k]) x, logDeterminant

/// Gradient and Hessian at 0 of a function that is quadratic, from its values alone.
let quadratic n (f: double[] -> double) : double[] * double[,] =
    let unit i scale = Array.init n (fun k -> if k = i then scale else 0.0)
    let zero = f (Array.zeroCreate n)

    let gradient = Array.init n (fun i -> 0.5 * (f (unit i 1.0) - f (unit i -1.0)))

    let hessian =
        Array2D.init n n (fun i j ->
            if i = j then
                f (unit i 1.0) + f (unit i -1.0) - 2.0 * zero
            else
                let both = Array.map2 (+) (unit i 1.0) (unit j 1.0)
                f both - f (unit i 1.0) - f (unit j 1.0) + zero)

    gradient, hessian

/// The maximum of a concave quadratic, where it is, and log det of minus its Hessian.
let maximise n (f: double[] -> double) : double * double[] * double * double[,] =
    let gradient, hessian = quadratic n f
    let precision = Array2D.map (~-) hessian
    let at, logDeterminant = solve precision gradient
    f at, at, logDeterminant, precision

let column (a: double[,]) k n = fst (solve a (Array.init n (fun i -> if i = k then 1.0 else 0.0)))
