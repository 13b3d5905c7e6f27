module Inference.Dsl.Tests.ErrorsTests

open System
open System.IO
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

[<Fact>]
let ``An error is at the nearest line of the user`` () =
    let here = Diagnostics.StackTrace(true).GetFrame(0).GetFileLineNumber()
    let e = failure (fun () -> vector [ 1.0; 2.0 ] + vector [ 1.0; 2.0; 3.0 ])
    Assert.Equal("ErrorsTests.fs", Path.GetFileName e.Location.File)
    Assert.Equal(here + 1, e.Location.Line)
    Assert.Contains($"  at ErrorsTests.fs:{here + 1}{Environment.NewLine}", e.Message)

[<Fact>]
let ``An error says what is wrong, where, in which model, and what would mend it`` () =
    let place = { File = "/home/someone/Digits.fs"; Line = 31 }

    let text model location =
        ModelException("It is wrong.", location, model, "Mend it.").Message.Split Environment.NewLine
        |> List.ofArray

    Assert.Equal<string list>([ "It is wrong."; "  at Digits.fs:31, in model \"digits\""; "  Mend it." ], text "digits" place)
    Assert.Equal<string list>([ "It is wrong."; "  at Digits.fs:31"; "  Mend it." ], text "" place)
    Assert.Equal<string list>([ "It is wrong."; "  in model \"digits\""; "  Mend it." ], text "digits" Location.unknown)
    Assert.Equal<string list>([ "It is wrong."; "  Mend it." ], text "" Location.unknown)

[<Fact>]
let ``The innermost model names an error`` () =
    let e =
        failure (fun () -> Fail.within "outer" (fun () -> Fail.within "inner" (fun () -> Fail.model "wrong" "mend")))

    Assert.Equal("inner", e.Model)
    Assert.Equal("wrong", e.Problem)
    Assert.Equal("mend", e.Mend)
