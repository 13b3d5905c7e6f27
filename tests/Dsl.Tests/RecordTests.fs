module Inference.Dsl.Tests.RecordTests

open System
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

type Pose =
    {
        [<Size(2)>]
        Position: Tensor
        Heading: Tensor
    }

type Arm =
    {
        Base: Pose
        [<Size(2, 3); Within(-1.5, 0.5)>]
        Joints: Tensor
        Tip: Tensor * Tensor
        [<Discrete(4)>]
        Gear: Tensor
    }

[<Struct>]
type Pair = { First: Tensor; Second: Tensor }

type Labelled = { Value: Tensor; Label: string }
type Counted = { Value: Tensor; Count: int }
type Many = { All: Tensor[] }
type Perhaps = { Value: Tensor option }

type Reversed =
    {
        [<Within(2.0, -2.0)>]
        Value: Tensor
    }

type Flat0 =
    {
        [<Within(1.0, 1.0)>]
        Value: Tensor
    }

type Hollow =
    {
        [<Size(2, 0)>]
        Value: Tensor
    }

type Choiceless =
    {
        [<Discrete(0)>]
        Value: Tensor
    }

type Tree = { Value: Tensor; Left: Tree; Right: Tree }
type Empty = { Nothing: unit }

type Dial =
    {
        [<Discrete(3)>]
        Setting: Tensor
        [<Within(0.0, 1.0); Size(2)>]
        Level: Tensor
        Free: Tensor
    }

let private paths<'T> () = [ for l in Record.space<'T>().Leaves -> l.Path ]
let private shapes<'T> () = [ for l in Record.space<'T>().Leaves -> List.ofArray l.Shape ]

[<Fact>]
let ``Leaves stand in the order of fields, depth first`` () =
    Assert.Equal<string list>([ "Base.Position"; "Base.Heading"; "Joints"; "Tip.Item1"; "Tip.Item2"; "Gear" ], paths<Arm>())
    Assert.Equal<int list list>([ [ 2 ]; []; [ 2; 3 ]; []; []; [] ], shapes<Arm>())
    Assert.Equal(12, Record.space<Arm>().Count)
    Assert.Equal("Arm", Record.space<Arm>().Name)

[<Fact>]
let ``A leaf has the limits and the choices that its field declares`` () =
    let leaf path = Record.space<Arm>().Leaves |> Array.find (fun l -> l.Path = path)
    Assert.Equal((-1.5, 0.5, true), ((leaf "Joints").Low, (leaf "Joints").High, (leaf "Joints").IsBounded))
    Assert.Equal((-infinity, infinity, false), ((leaf "Tip.Item1").Low, (leaf "Tip.Item1").High, (leaf "Tip.Item1").IsBounded))
    Assert.Equal((4, DType.I32), ((leaf "Gear").Discrete, (leaf "Gear").DType))
    Assert.Equal((0, DType.F32), ((leaf "Joints").Discrete, (leaf "Joints").DType))

[<Fact>]
let ``Anonymous records, tuples, struct tuples, struct records and single tensors are records`` () =
    // the compiler orders the fields of an anonymous record by name
    Assert.Equal<string list>([ "Alpha"; "Beta.Item1"; "Beta.Item2" ], paths<{| Beta: Tensor * Tensor; Alpha: Tensor |}>())
    Assert.Equal<string list>([ "Item1"; "Item2.Position"; "Item2.Heading" ], paths<Tensor * Pose>())
    Assert.Equal<string list>([ "Item1"; "Item2" ], paths<struct (Tensor * Tensor)>())
    Assert.Equal<string list>([ "First"; "Second" ], paths<Pair>())
    Assert.Equal<string list>([ "" ], paths<Tensor>())
    Assert.Empty(paths<unit>())
    Assert.Empty(paths<Empty>())

/// A record is the same after it has been taken apart and put together.
let private survives (value: 'T) count =
    let tensors = Record.toTensors value
    Assert.Equal(count, tensors.Length)
    Assert.Equal<Tensor[]>(tensors, Record.toTensors (Record.ofTensors<'T> tensors))

[<Fact>]
let ``A record taken apart and put together is as it was`` () =
    let x k = scalar (double k)
    let pose = { Position = vector [ 1.0; 2.0 ]; Heading = x 3 }
    survives { Base = pose; Joints = L.Zeros(2, 3); Tip = (x 4, x 5); Gear = whole [ 6 ] } 6
    survives {| Beta = x 1, x 2; Alpha = x 0 |} 3
    survives (x 1, pose) 3
    survives (struct (x 1, x 2)) 2
    survives { First = x 1; Second = x 2 } 2
    survives (x 1) 1
    survives () 0
    let arm = Record.ofTensors<Arm> [| for k in 0..5 -> x k |]
    Assert.Equal(4.0, number (snd arm.Tip))
    Assert.Equal(1.0, number arm.Base.Heading)

[<Fact>]
let ``A map reaches every tensor of a record`` () =
    let arm = Record.ofTensors<Arm> [| for k in 0..5 -> scalar (double k) |]
    close [ 0.0; 10.0; 20.0; 30.0; 40.0; 50.0 ] (arm |> Record.map (fun x -> 10.0 * x) |> Record.toTensors |> Array.map number)

let private refused<'T> path name =
    refuses $"The field \"{path}\" is of type {name}; a record of a model holds tensors." (fun () -> Record.space<'T>())

[<Fact>]
let ``A field that is no tensor is an error that names it and its type`` () =
    refused<Labelled> "Label" "String"
    refused<Counted> "Count" "Int32"
    refused<Many> "All" "Tensor[]"
    refused<Tensor * Labelled> "Item2.Label" "String"
    refused<{| A: Tensor; B: {| C: float |} |}> "B.C" "Double"
    refused<Tensor list> "" "FSharpList"
    refused<Perhaps> "Value" "FSharpOption"

[<Fact>]
let ``Limits that are reversed or empty are an error that names the field`` () =
    refuses "The field \"Value\" has limits 2 … -2, which are reversed or empty." (fun () -> Record.space<Reversed>())
    refuses "The field \"Value\" has limits 1 … 1, which are reversed or empty." (fun () -> Record.space<Flat0>())
    refuses "The field \"Item2.Value\" has limits 2 … -2, which are reversed or empty." (fun () -> Record.space<Tensor * Reversed>())

[<Fact>]
let ``Sizes and counts of values are at least 1`` () =
    refuses "The field \"Value\" has size [2, 0]." (fun () -> Record.space<Hollow>())
    refuses "The field \"Value\" has 0 values." (fun () -> Record.space<Choiceless>())

[<Fact>]
let ``A record that contains itself is an error`` () = refuses "The record Tree contains itself." (fun () -> Record.space<Tree>())

[<Fact>]
let ``A field that is null is an error that names it`` () =
    let none = Unchecked.defaultof<Tensor>
    refuses "The field \"Heading\" of Pose is null." (fun () -> Record.toTensors { Position = scalar 0.0; Heading = none })
    refuses "The field \"Item2\" of Tuple is null." (fun () -> Record.toTensors (scalar 0.0, none))
    refuses "A tensor was expected; null came." (fun () -> Record.toTensors none)
    refuses "A record Pose was expected; null came." (fun () -> Record.toTensors (scalar 0.0, Unchecked.defaultof<Pose>))

[<Fact>]
let ``A record with another shape than its space is an error that names the field, what was declared and what came`` () =
    refuses "The step of \"arm\": the field \"Position\" of Pose is declared with shape [2]; [3] came." (fun () ->
        Record.check "The step of \"arm\"" (Record.space<Pose>()) { Position = L.Zeros 3; Heading = scalar 0.0 })

[<Fact>]
let ``A flat vector becomes a record and the same vector again`` () =
    let space = Record.space<Arm>()

    Check.QuickThrowOnFailure(fun (values: int[]) ->
        let flat =
            Array.init 12 (fun k ->
                if k = 11 then
                    double (k % 4)
                else
                    double (Array.tryItem k values |> Option.defaultValue k) / 8.0)

        let arm: Arm = Flat.toRecord space (vector (List.ofArray flat))

        numbers (Flat.ofRecord space arm) = flat
        && numbers arm.Base.Position = flat[0..1]
        && numbers arm.Joints = flat[3..8])

    let arm: Arm = Flat.toRecord space (vector [ 0.0 .. 11.0 ])
    Assert.Equal<int[]>([| 2; 3 |], arm.Joints.Shape)
    Assert.Equal(DType.I32, arm.Gear.DType)

[<Fact>]
let ``A record without fields is a vector of one zero`` () =
    let space = Record.space<unit>()
    close [ 0.0 ] (numbers (Flat.ofRecord space ()))
    Assert.Equal((), Flat.toRecord space (vector [ 7.0 ]))

[<Fact>]
let ``A clipped record is held to its limits, field by field`` () =
    let space = Record.space<Dial>()

    let held values =
        let dial: Dial = Flat.toRecord space (vector values)
        numbers (Flat.ofRecord space (Flat.clip space dial))

    close [ 2.0; 0.0; 1.0; -50.0 ] (held [ 2.0; -3.0; 7.0; -50.0 ])
    close [ 1.0; 0.25; 0.5; 50.0 ] (held [ 1.0; 0.25; 0.5; 50.0 ])

[<Fact>]
let ``A clipped value of few is one of them`` () =
    let space = Record.space<Dial>()

    for given, held in [ -7.0, 0.0; -0.5, 0.0; 0.9, 0.0; 2.9, 2.0; 3.0, 2.0; 9.0, 2.0 ] do
        let dial: Dial = Flat.toRecord space (vector [ given; 0.0; 0.0; 0.0 ])
        Assert.Equal(held, number (Flat.clip space dial).Setting)
