/// Linear-quadratic processes with two numbers of a state and two of an action, as specifications and as plain functions.
module Inference.Dsl.Tests.LinearQuadratic.Plant

open System
open Inference

type L = Language


type State =
    {
        [<Size(2)>]
        X: Tensor
    }

type Action =
    {
        [<Size(2)>]
        U: Tensor
    }

/// Numbers of a process: x′ = A·x + B·u + c + G·ε; r = −½·(x − target)ᵀQ(x − target) − ½·uᵀRu − xᵀNu, growing by `growth` a step.
type Numbers =
    {
        A: double[]
        B: double[]
        C: double[]
        G: double[]
        Q: double[]
        R: double[]
        N: double[]
        Target: double[]
        Terminal: double
        Growth: double
    }

/// Numbers that differ with a seed; costs are positive definite together.
let random (seed: int) : Numbers =
    let draws = Random seed
    let some count scale = Array.init count (fun _ -> scale * (2.0 * draws.NextDouble() - 1.0))

    let definite () =
        let f = some 3 1.0 in [| 1.0 + f[0] * f[0]; f[0] * f[1]; f[0] * f[1]; 1.0 + f[1] * f[1] |]

    {
        A = some 4 0.9
        B = some 4 1.0
        C = some 2 0.3
        G = some 4 0.4
        Q = definite ()
        R = definite ()
        N = some 4 0.2
        Target = some 2 1.0
        Terminal = 0.5 + draws.NextDouble()
        Growth = 0.0
    }

let private matrix (values: double[]) = L.Constant(values, 2, 2)
let private times (a: double[]) (x: Tensor) = L.Dot(matrix a, x)
let private form (a: double[]) (x: Tensor) (y: Tensor) = L.Sum(x * times a y)

/// The process, with noise or without.
let specify (noisy: bool) (n: Numbers) : Mdp<State, Action, NoSettings> =
    let away (s: State) = s.X - L.Constant n.Target

    let reward (s: State) (a: Action) (time: Tensor) =
        (1.0 + n.Growth * time)
        * (-0.5 * form n.Q (away s) (away s) - 0.5 * form n.R a.U a.U - form n.N s.X a.U)

    let mean (s: State) (a: Action) = times n.A s.X + times n.B a.U + L.Constant n.C

    Mdp.define "plant"
    |> (if noisy then
            Mdp.transition (fun s a ->
                prob {
                    let! first = L.Sample("first", L.Normal(L.Zeros(), 1.0))
                    let shifted = mean s a + L.Constant([| n.G[0]; n.G[2] |]) * L.Fill(first, 2)
                    let factor = L.Constant([| abs n.G[1] + 0.1; 0.0; n.G[3]; 0.2 |], 2, 2)
                    let! x = L.Sample("x", L.MultivariateNormal(shifted, factor))
                    return { X = x }
                })
        else
            Mdp.step (fun s a -> { X = mean s a }))
    |> Mdp.rewardWith (fun s a () t -> if n.Growth = 0.0 then reward s a (L.Zeros()) else reward s a t)
    |> Mdp.terminalValue (fun s _ -> -0.5 * n.Terminal * L.Sum(L.Square(s.X)))

/// G of the noisy process: two rows, three normals.
let noise (n: Numbers) : double[,] = array2D [ [ n.G[0]; abs n.G[1] + 0.1; 0.0 ]; [ n.G[2]; n.G[3]; 0.2 ] ]

let private apply (a: double[]) (x: double[]) = [| a[0] * x[0] + a[1] * x[1]; a[2] * x[0] + a[3] * x[1] |]
let private inner (x: double[]) (y: double[]) = x[0] * y[0] + x[1] * y[1]

let step (n: Numbers) (x: double[]) (u: double[]) (e: double[]) : double[] =
    let a, b, g = apply n.A x, apply n.B u, noise n
    Array.init 2 (fun k -> a[k] + b[k] + n.C[k] + Seq.sum (Seq.init e.Length (fun j -> g[k, j] * e[j])))

let reward (n: Numbers) time (x: double[]) (u: double[]) : double =
    let d = Array.map2 (-) x n.Target

    (1.0 + n.Growth * double time)
    * (-0.5 * inner d (apply n.Q d) - 0.5 * inner u (apply n.R u) - inner x (apply n.N u))

let last (n: Numbers) (x: double[]) : double = -0.5 * n.Terminal * inner x x

/// The return of actions and, where there is noise, of standard normals, [step, number].
let earned (n: Numbers) gamma steps (start: double[]) (actions: int -> double[]) (noise: int -> double[]) : double =
    let mutable x, total = start, 0.0

    for t in 0 .. steps - 1 do
        total <- total + gamma ** double t * reward n t x (actions t)
        x <- step n x (actions t) (noise t)

    total + gamma ** double steps * last n x
