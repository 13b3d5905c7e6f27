/// Models of some 100,000 nodes.
module Inference.Compiler.Tests.LargeModelTests

open System
open System.IO
open System.Reflection.Metadata
open System.Reflection.PortableExecutable
open Inference
open Inference.Compiler.Tests.ProgramTests
open Microsoft.CodeAnalysis
open Microsoft.CodeAnalysis.CSharp
open Xunit
open Xunit.Abstractions

/// The largest method of a printed program: bytes of IL and local variables.
let private largestMethod (source: string) =
    let references =
        [
            typeof<obj>.Assembly.Location
            Path.Combine(Path.GetDirectoryName typeof<obj>.Assembly.Location, "System.Runtime.dll")
        ]
        |> List.map (fun path -> MetadataReference.CreateFromFile path :> MetadataReference)

    let compilation =
        CSharpCompilation.Create(
            "kernels",
            [ CSharpSyntaxTree.ParseText source ],
            references,
            CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe = true, optimizationLevel = OptimizationLevel.Release)
        )

    use image = new MemoryStream()
    let result = compilation.Emit image
    Assert.True(result.Success, String.Join('\n', result.Diagnostics |> Seq.truncate 5))
    image.Position <- 0L
    use pe = new PEReader(image)
    let metadata = pe.GetMetadataReader()

    let sizes =
        [
            for handle in metadata.MethodDefinitions do
                let m = metadata.GetMethodDefinition handle

                if m.RelativeVirtualAddress <> 0 then
                    let body = pe.GetMethodBody m.RelativeVirtualAddress

                    let locals =
                        if body.LocalSignature.IsNil then
                            0
                        else
                            let mutable blob =
                                metadata.GetBlobReader(metadata.GetStandaloneSignature(body.LocalSignature).Signature)

                            blob.ReadSignatureHeader() |> ignore
                            blob.ReadCompressedInteger()

                    body.GetILBytes().Length, locals
        ]

    struct (List.max (List.map fst sizes), List.max (List.map snd sizes))

type LargeModelTests(output: ITestOutputHelper) =
    let runs name (expected: double) (define: ProgramBuilder -> unit) =
        let watch = Diagnostics.Stopwatch.StartNew()
        let program = build name define
        use engine = new Engine(EngineOptions(Threads = 2, Cache = false))
        use executable = engine.Compile program
        executable.SetInput(0, ReadOnlySpan<double> [| 0.5 |])
        executable.Run()
        let nodes = executable.Graph.AsSpan().Count('\n')
        Assert.InRange(nodes, 100_000, 200_000)
        let actual = executable.Output<float32>(0).ToArray()[0]
        Assert.Equal(expected, double actual, abs expected * 1e-4)
        let struct (il, locals) = largestMethod executable.Source
        output.WriteLine $"{name}: {nodes} nodes, {watch.Elapsed.TotalSeconds:F1} s, largest kernel {il} bytes of IL and {locals} locals"
        // the JIT stops optimising at 60,000 bytes of IL, and stops following locals behind the first 1024
        Assert.InRange(il, 1, 60_000)
        Assert.InRange(locals, 0, 1024)

    [<Fact>]
    member _.``A chain of 100,000 operations compiles and runs``() =
        let decay = 0.999

        runs "chain" (Seq.fold (fun y _ -> y * decay + 0.5) 0.5 (seq { 1..50_000 })) (fun b ->
            let x = b.Input("x", [||], DType.F32)
            b.Output("y", Seq.fold (fun (y: Tensor) _ -> y * decay + x) x (seq { 1..50_000 })))

    [<Fact>]
    member _.``A wide model of 100,000 operations compiles and runs``() =
        let count = 25_000
        let shift k = double k / double count

        runs "wide" (Seq.init count (fun k -> abs (0.5 - shift k)) |> Seq.sum) (fun b ->
            let x = b.Input("x", [||], DType.F32)

            let rec tree (level: Tensor[]) =
                if level.Length = 1 then
                    level[0]
                else
                    level |> Array.chunkBySize 2 |> Array.map (Array.reduce (+)) |> tree

            b.Output("y", tree (Array.init count (fun k -> L.Abs(x - shift k)))))
