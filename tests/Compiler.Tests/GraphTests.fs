/// Closing, verifying and scheduling programs, seen from outside.
module Inference.Compiler.Tests.GraphTests

open System
open System.Text.RegularExpressions
open Inference
open Inference.Compiler
open Inference.Compiler.Tests
open Inference.Compiler.Tests.ProgramTests
open Xunit

let private options =
    {
        InstructionSet = Machine.WidestInstructionSet
        Double = false
        Checked = false
        Verify = true
    }

let private closed program = Compile.close options program

let private count (op: Op -> bool) (graph: Graph) = graph.Nodes |> Seq.filter (fun n -> op n.Op) |> Seq.length

let private isUnary (u: UnaryOp) (op: Op) =
    match op with
    | Op.Unary v -> u = v
    | _ -> false

/// The text of the kernel, with its loops, that computes the values of some nodes.
let private kernelOf (schedule: string) (mark: string) =
    Regex.Split(schedule, @"(?m)^(?=\s*K\d+:)") |> Array.find (fun k -> k.Contains mark)

let private indent (line: string) = line.Length - line.TrimStart().Length

/// The loops around the line that contains a mark, outermost first.
let private loopsAround (schedule: string) (mark: string) =
    let lines = schedule.Split('\n')
    let at = lines |> Array.findIndex (fun l -> l.Contains mark)

    Seq.foldBack
        (fun (line: string) (depth, loops) -> if indent line < depth then indent line, line.Trim() :: loops else depth, loops)
        (Array.take at lines)
        (indent lines[at], [])
    |> snd

[<Fact>]
let ``Arithmetic on numbers is done before the program runs`` () =
    let program =
        build "folded" (fun b ->
            let x = b.Input("x", [| 9 |], DType.F32)
            let third = Build.scalar DType.F32 1.0 / Build.scalar DType.F32 3.0
            b.Output("y", x * (third * 3.0) / 1.0 + L.Sqrt(Build.scalar DType.F32 2.0)))

    let graph = (closed program).Graph
    // a third is rounded to single precision before it is multiplied again: the product is 1
    Assert.Equal(
        1,
        count
            (fun op ->
                match op with
                | Op.Binary _
                | Op.Unary _ -> true
                | _ -> false)
            graph
    )

    Oracle.agrees program [ "x", numbers 1 9 ]

[<Fact>]
let ``Equal values are computed once, and what nobody reads never`` () =
    let program =
        build "shared" (fun b ->
            let x = b.Input("x", [| 9 |], DType.F32)
            L.Cos x |> ignore
            b.Output("a", L.Exp(x * 2.0) + L.Sum(L.Sin x))
            b.Output("b", L.Exp(x * 2.0) * L.Sum(L.Sin x)))

    let graph = (closed program).Graph
    Assert.Equal(1, count (isUnary UnaryOp.Exp) graph)
    Assert.Equal(1, count (isUnary UnaryOp.Sin) graph)
    Assert.Equal(0, count (isUnary UnaryOp.Cos) graph)

[<Fact>]
let ``Values over different plates are not equal`` () =
    let program =
        build "apart" (fun b ->
            let i, j = L.PlateIndex("i", 3), L.PlateIndex("j", 3)
            let x = b.Input("x", [| 3 |], DType.F32)
            b.Output("a", L.SumOver(i, L.SumOver(j, L.Exp(L.Unstack(x, i)) * L.Exp(L.Unstack(x, j))))))

    Assert.Equal(2, count (isUnary UnaryOp.Exp) (closed program).Graph)
    Oracle.agrees program [ "x", numbers 1 3 ]

[<Fact>]
let ``A program prints the same whenever it is closed`` () =
    let program () =
        build "twice" (fun b ->
            let i, t = L.PlateIndex("i", 33), L.TimeIndex("t", 4)
            let x = L.Unstack(b.Input("x", [| 33 |], DType.F32), i)

            let finals, each =
                Structure.scan t [| x; L.Fill(1.0) |] (fun c -> [| L.Sin c[0] * c[1]; c[1] * 0.5 |], c[0])

            b.Output("final", L.Stack(finals[0], i))
            b.Output("each", L.Stack(L.MeanOver(i, each), t)))

    // built anew, closed anew
    let first, second = Compile.program options (program ()), Compile.program options (program ())
    Assert.Equal(first.Graph, second.Graph)
    Assert.Equal(first.Source, second.Source)
    Assert.Equal(first.Loops, second.Loops)
    Assert.Equal(first.Schedule, second.Schedule)

[<Fact>]
let ``The verifier finds an operand that comes later`` () =
    let graph =
        (closed (build "ok" (fun b -> b.Output("y", L.Exp(b.Input("x", [| 3 |], DType.F32)) * 2.0)))).Graph

    Graph.verify graph
    let last = graph.Nodes[graph.Nodes.Length - 1]
    let broken = { last with Inputs = Array.map (fun _ -> last.Id) last.Inputs }
    let nodes = Array.updateAt last.Id broken graph.Nodes

    let error =
        Assert.Throws<InvalidOperationException>(fun () -> Graph.verify { graph with Nodes = nodes })

    Assert.Contains("comes later", error.Message)

[<Fact>]
let ``The verifier finds an index that is lost`` () =
    let program =
        build "indices" (fun b ->
            let i = L.PlateIndex("i", 3)
            b.Output("y", L.SumOver(i, L.Exp(L.Unstack(b.Input("x", [| 3 |], DType.F32), i)))))

    let graph = (closed program).Graph
    let exp = graph.Nodes |> Array.find (fun n -> isUnary UnaryOp.Exp n.Op)
    let lost = Array.updateAt exp.Id { exp with Indices = [||] } graph.Nodes
    let error = Assert.Throws<InvalidOperationException>(fun () -> Graph.verify { graph with Nodes = lost })
    Assert.Contains("neither kept nor contracted", error.Message)
    let escaping = { graph.Outputs[0] with Node = exp.Id }

    let error =
        Assert.Throws<InvalidOperationException>(fun () -> Graph.verify { graph with Outputs = [| escaping |] })

    Assert.Contains("free index", error.Message)

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
            Parts = [ [ Store(buffer, Address.Of 0L, Operand.Var x) ] ]
            Step =
                {
                    Kind = StepKind.Kernel
                    Kernel = 0
                    Count = 1L
                    Extent = -1
                    Tile = 1
                    Parallel = false
                    Variable = 0
                    Descending = false
                }
        }

    let error = Assert.Throws<InvalidOperationException>(fun () -> Verify.loops buffers [ kernel ])
    Assert.Contains("before it is set", error.Message)

[<Fact>]
let ``What no step carries is computed in a loop of its own before the scan's`` () =
    let program =
        build "gru" (fun b ->
            let sequence, t = L.PlateIndex("sequence", 20), L.TimeIndex("t", 7)
            let x = L.Unstack(L.Unstack(b.Input("data", [| 20; 7; 5 |], DType.F32), sequence), t)
            let encoder, wh = b.Input("encoder", [| 12; 5 |], DType.F32), b.Input("wh", [| 12; 24 |], DType.F32)
            let encoded = L.Erf(L.Dot(encoder, x))

            let finals, _ =
                Structure.scan t [| L.Zeros 12 |] (fun c -> [| L.Tanh(L.Dot(wh, L.Concat(0, encoded, c[0]))) |], ())

            b.Output("final", L.Stack(finals[0], sequence)))

    let schedule = (Compile.program options program).Schedule
    // the encoder and the recurrence share the kernel over the sequences, not the loop over the steps
    Assert.Equal(kernelOf schedule "erf", kernelOf schedule "tanh")
    Assert.Equal("map over t", List.last (loopsAround schedule "erf"))
    Assert.Equal("scan over t", List.last (loopsAround schedule "tanh"))
    Assert.True(schedule.IndexOf "erf" < schedule.IndexOf "scan over t")

[<Fact>]
let ``What does not depend on a plate is computed once, outside it`` () =
    let program =
        build "hoisted" (fun b ->
            let i, t = L.PlateIndex("i", 200), L.TimeIndex("t", 10)
            let x = L.Unstack(b.Input("x", [| 200 |], DType.F32), i)

            let theta, schedule' =
                b.Input("theta", [||], DType.F32), L.Unstack(b.Input("s", [| 10 |], DType.F32), t)

            let scale = L.Erf theta

            let finals, _ =
                Structure.scan t [| x; L.Fill(1.0) |] (fun c -> [| c[0] * scale + L.Cos schedule' * c[1]; c[1] * 0.9 |], ())

            b.Output("y", L.Stack(finals[0], i)))

    let schedule = (Compile.program options program).Schedule
    Assert.DoesNotContain("over i", (kernelOf schedule "erf").Split('\n')[0])
    // once for each step, not for each step of each member
    Assert.DoesNotContain("over i", (kernelOf schedule "cos").Split('\n')[0])
    // a carried value off the plate has a loop of its own
    Assert.Equal(2, Regex.Matches(schedule, "scan over t").Count)
    Oracle.agrees program [ "x", numbers 1 200; "theta", [| 0.5 |]; "s", numbers 2 10 ]

[<Fact>]
let ``A loop under a plate stands in one kernel`` () =
    let program =
        build "one kernel" (fun b ->
            let i, t = L.PlateIndex("i", 100), L.TimeIndex("t", 10)
            let x = L.Unstack(b.Input("x", [| 100 |], DType.F32), i)
            let finals, _ = Structure.scan t [| x |] (fun c -> [| L.Sin c[0] |], ())
            b.Output("y", L.MeanOver(i, finals[0])))

    let schedule = (Compile.program options program).Schedule
    Assert.DoesNotContain("repeat", schedule)
    Assert.Contains("over i", (kernelOf schedule "scan over t").Split('\n')[0])

[<Fact>]
let ``What nothing needs is not computed`` () =
    let program =
        build "lean" (fun b ->
            let x = b.Input("x", [| 4 |], DType.F32)
            let t = L.TimeIndex("t", 3)
            let finals, _ = Structure.scan t [| x |] (fun c -> [| L.Sin c[0] |], ())
            // the condition is for engines that check, the loop for nobody
            let unread = L.Erf x + finals[0]
            let rule = { Name = "one"; Tangent = fun _ _ _ -> null }
            b.Output("y", Calculus.withDerivative rule [| unread |] (L.Exp x)))

    let graph = (closed program).Graph
    Assert.Equal(1, count (isUnary UnaryOp.Exp) graph)
    Assert.Equal(0, count (isUnary UnaryOp.Erf) graph)
    Assert.Equal(0, count (isUnary UnaryOp.Sin) graph)
    Assert.Empty graph.Scans
    Oracle.agrees program [ "x", numbers 1 4 ]

[<Fact>]
let ``A graph's text is the same in every culture`` () =
    let program = build "half" (fun b -> b.Output("y", b.Input("x", [||], DType.F32) * 0.5 + 1.25))
    let culture = Globalization.CultureInfo.CurrentCulture
    let here = (closed program).Text

    try
        let comma = Globalization.CultureInfo.InvariantCulture.Clone() :?> Globalization.CultureInfo
        comma.NumberFormat.NumberDecimalSeparator <- ","
        comma.NumberFormat.NegativeSign <- "~"
        Globalization.CultureInfo.CurrentCulture <- comma
        Assert.Equal(here, (closed program).Text)
        Oracle.agrees program [ "x", [| 0.75 |] ]
    finally
        Globalization.CultureInfo.CurrentCulture <- culture

[<Theory>]
[<InlineData(64, 32, "particle")>]
[<InlineData(64, 4, "member")>]
[<InlineData(4, 32, "particle")>]
let ``Lanes go along what shares a matrix`` (members: int) (particles: int) (lane: string) =
    let program =
        build "lanes" (fun b ->
            let member', particle = L.PlateIndex("member", members), L.PlateIndex("particle", particles)
            let w = L.Unstack(b.Input("w", [| members; 32; 32 |], DType.F32), member')
            let x = L.Unstack(b.Input("x", [| particles; 32 |], DType.F32), particle)
            b.Output("y", L.Stack(L.Stack(L.Sum(L.Tanh(L.Dot(w, x))), particle), member')))

    Assert.Contains($"lanes of {lane}", (kernelOf (Compile.program options program).Schedule "dot").Split('\n')[0])
