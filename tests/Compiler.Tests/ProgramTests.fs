module Inference.Compiler.Tests.ProgramTests

open System
open Inference
open Inference.Compiler.Tests
open Xunit

type L = Language

let numbers seed count =
    let random = Random(seed: int)
    Array.init count (fun _ -> random.NextDouble() * 2.0 - 1.0)

let build name (define: ProgramBuilder -> unit) =
    let b = ProgramBuilder name
    define b
    b.Build()

let key (b: ProgramBuilder) =
    let words = b.Input("key", [| 2 |], DType.U32)
    L.Element(words, 0), L.Element(words, 1)

let random kind plates times shape (k0, k1) = Structure.random kind plates times 0 [| k0; k1 |] shape

[<Fact>]
let ``Elementwise functions of vectors agree`` () =
    let program =
        build "elementwise" (fun b ->
            let x = b.Input("x", [| 37 |], DType.F32)
            let y = b.Input("y", [| 37 |], DType.F32)
            b.Output("a", L.Exp x + L.Sin(3.0 * y) * L.Clip(x, -0.5, 0.5))
            b.Output("b", L.Select(L.Less(x, y), L.Tanh x, L.Log(L.Abs y + 1.0)))
            b.Output("c", L.Sum(x * y))
            b.Output("d", L.Softmax(x, 0)))

    Oracle.agrees program [ "x", numbers 1 37; "y", numbers 2 37 ]

[<Fact>]
let ``A plate of rollouts with noise and a softmax agrees`` () =
    let program =
        build "rollouts" (fun b ->
            let k = key b
            let rollout = L.PlateIndex("rollout", 200)
            let t = L.TimeIndex("t", 11)
            let mean = b.State("mean", [| 11 |], DType.F32, [| 0.1 |])
            let noise = random RandomKind.Normal [ rollout ] [ t ] [||] k
            let u = L.Clip(L.Unstack(mean, t) + noise, -2.0, 2.0)
            let start: Tensor[] = [| L.Fill(3.0, [||]); L.Fill(0.0, [||]); L.Fill(0.0, [||]) |]

            let finals, _ =
                Structure.scan t start (fun c ->
                    let angle, velocity, total = c[0], c[1], c[2]
                    let reward = -(L.Square(L.WrapAngle angle) + 0.1 * L.Square velocity + 0.001 * L.Square u)
                    let v = L.Clip(velocity + (15.0 * L.Sin angle + 3.0 * u) * 0.05, -8.0, 8.0)
                    [| angle + v * 0.05; v; total + reward |], ())

            let w = L.SoftmaxOver(rollout, finals[2])
            let next = L.Expectation(rollout, w, u)
            b.Output("ess", 1.0 / L.SumOver(rollout, w * w))
            b.Next(mean, L.Stack(next, t)))

    Oracle.agrees program [ "key", [| 17.0; 4000000000.0 |] ]
