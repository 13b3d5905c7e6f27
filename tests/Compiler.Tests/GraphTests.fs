/// Closing, verifying and scheduling graphs.
module Inference.Compiler.Tests.GraphTests

open System
open Inference
open Inference.Compiler
open Inference.Compiler.Tests.ProgramTests
open Xunit

let private options =
    {
        InstructionSet = InstructionSet.Vector256
        Double = false
        Checked = false
        Verify = true
    }

[<Fact>]
let ``Equal nodes are shared and unread ones dropped`` () =
    let program =
        build "shared" (fun b ->
            let x = b.Input("x", [| 3 |], DType.F32)
            L.Exp(x * 2.0) |> ignore
            b.Output("y", L.Sin(x + 1.0) * L.Sin(x + 1.0)))

    let struct (graph, _) = Closing.Close(options, program)

    let count op =
        graph.Nodes |> Array.filter (fun n -> n.Op.ToString().Contains(op: string)) |> Array.length

    Assert.Equal(1, count "Sin")
    Assert.Equal(0, count "Exp")

[<Fact>]
let ``The verifier finds an operand that comes later`` () =
    let program = build "broken" (fun b -> b.Output("y", L.Sin(b.Input("x", [||], DType.F32)) + 1.0))
    let struct (graph, _) = Closing.Close(options, program)
    Graph.verify graph
    let nodes = Array.copy graph.Nodes
    let at = nodes |> Array.findIndex (fun n -> n.Inputs.Length > 0)

    nodes[at] <-
        { nodes[at] with
            Inputs = nodes[at].Inputs |> Array.map (fun _ -> nodes.Length - 1)
        }

    let error =
        Assert.Throws<InvalidOperationException>(fun () -> Graph.verify { graph with Nodes = nodes })

    Assert.Contains("comes later", error.Message)

[<Fact>]
let ``The verifier of loops finds a variable that is read before it is set`` () =
    let x = Var(1, ScalarType.F32, false)
    let buffers = Buffers()
    let buffer = buffers.Dense("y", BufferKind.Output, DType.F32, [||], 0L, null)

    let kernel =
        {
            Name = "K0"
            Title = ""
            Nest = []
            Item = LoopVar("item", LoopKind.Sequential)
            Body = [ Store(buffer, Address.Of 0L, Operand.Var x) ]
            Step =
                {
                    Kind = StepKind.Kernel
                    Kernel = 0
                    Count = 1L
                    Extent = -1
                    Tile = 1
                    Parallel = false
                    Variable = 0
                }
        }

    let error = Assert.Throws<InvalidOperationException>(fun () -> Verify.loops buffers [ kernel ])
    Assert.Contains("before it is set", error.Message)

[<Fact>]
let ``An encoder off the carry leaves the scan's loop`` () =
    let program =
        build "fission" (fun b ->
            let i, t = L.PlateIndex("sequence", 32), L.TimeIndex("t", 5)
            let w = b.Input("w", [| 12; 12 |], DType.F32)
            let x = L.Unstack(L.Unstack(b.Input("x", [| 32; 5; 12 |], DType.F32), i), t)
            let encoded = L.Tanh(L.Dot(w, x))
            let finals, _ = Structure.scan t [| L.Zeros 12 |] (fun c -> [| L.Tanh(L.Dot(w, c[0]) + encoded) |], ())
            b.Output("y", L.SumOver(i, finals[0])))

    let lines = (Compile.program options program).Schedule.Split('\n') |> Array.map (fun l -> l.Trim())
    let map, scan = Array.IndexOf(lines, "map over t"), Array.IndexOf(lines, "scan over t")
    Assert.True(map >= 0 && map < scan, String.Join("\n", lines))
    Assert.Contains("dot[12]", lines[map + 1])
    Assert.Contains("tanh[12]", lines[map + 1])
    Assert.Contains("carry", lines[scan + 1])

[<Fact>]
let ``What does not depend on a plate is computed once outside it`` () =
    let program =
        build "outside" (fun b ->
            let i = L.PlateIndex("i", 100)
            let s = L.Exp(b.Input("s", [||], DType.F32))
            b.Output("y", L.SumOver(i, L.Sin(s * L.Convert(L.Position i, DType.F32)))))

    let schedule = (Compile.program options program).Schedule.Split('\n')
    let at (text: string) = schedule |> Array.findIndex (fun l -> l.Contains text)
    Assert.Contains("serial", schedule[at " exp" - 1])
    Assert.Contains("map over i", schedule[at " sin" - 1])

let private ensemble () =
    build "ensemble" (fun b ->
        let k = key b
        let i, t = L.PlateIndex("i", 100), L.TimeIndex("t", 10)
        let noise = random RandomKind.Normal [ i ] [ t ] [||] k
        let finals, _ = Structure.scan t [| L.Zeros() |] (fun c -> [| L.Sin c[0] + noise |], ())
        b.Output("y", L.SumOver(i, L.SoftmaxOver(i, finals[0]) * finals[0])))

[<Fact>]
let ``Printing is deterministic`` () =
    let make () = Compile.program options (ensemble ())
    let a, b = make (), make ()
    Assert.Equal(a.Source, b.Source)
    Assert.Equal(a.Graph, b.Graph)

[<Fact>]
let ``A model of a hundred thousand nodes compiles and runs`` () =
    let program =
        build "long" (fun b ->
            let x = b.Input("x", [||], DType.F32)
            b.Output("y", Seq.fold (fun (v: Tensor) k -> v * 0.999 + double (k % 7) * 0.001) x (seq { 1..50000 })))

    use engine = new Engine(EngineOptions(Threads = 1, Cache = false))
    use executable = engine.Compile program
    executable.SetInput(0, ReadOnlySpan<double> [| 1.0 |])
    executable.Run()
    let expected = Seq.fold (fun v k -> v * 0.999 + double (k % 7) * 0.001) 1.0 (seq { 1..50000 })
    Assert.Equal(expected, double (executable.Output(0)[0]), 3)
