/// Tables that lie tile by tile, read through a reshape.
module Inference.Compiler.Tests.TileTests

open System
open Inference
open Inference.Compiler.Tests.ProgramTests
open Xunit

/// Sums of the rows of a table [tiles, rows, width] at each of the first positions.
let private sums tiles rows width (count: int) =
    build "tiled" (fun b ->
        let i = L.PlateIndex("i", count)
        let table = b.Input("table", [| tiles; rows; width |], DType.F32)
        let flat = L.Reshape(L.Transpose(table, 0, 2, 1), tiles * width, rows)
        b.Output("sums", L.Stack(L.Sum(L.Unstack(L.Slice(flat, 0, 0, count), i)), i)))

[<Theory>]
[<InlineData(9, 5, 16, 130)>]
[<InlineData(5, 5, 32, 129)>]
[<InlineData(3, 5, 64, 192)>]
[<InlineData(3, 5, 64, 130)>]
[<InlineData(3, 5, 64, 129)>]
[<InlineData(1, 4, 20, 20)>]
[<InlineData(4, 3, 48, 190)>]
[<InlineData(2, 3, 128, 200)>]
[<InlineData(7, 3, 10, 65)>]
let ``A table of tiles is read where it lies`` (tiles: int) (rows: int) (width: int) (count: int) =
    Oracle.agreesWith 1e-5 [] (sums tiles rows width count) [ "table", numbers 1 (tiles * rows * width) ]

[<Fact>]
let ``The number of a tile and the lane within it need no division`` () =
    let source rows width count =
        use engine = new Engine(EngineOptions(Threads = 1, Cache = false))
        use executable = engine.Compile(sums 3 rows width count)
        executable.Source.Substring(executable.Source.IndexOf("void K0", StringComparison.Ordinal))

    Assert.DoesNotContain("%", source 5 64 130)
    Assert.DoesNotContain("%", source 5 48 130)
    // lanes that cross the ends of rows do
    Assert.Contains("%", source 5 50 130)
