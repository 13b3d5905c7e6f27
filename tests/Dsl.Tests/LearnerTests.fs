module Inference.Dsl.Tests.LearnerTests

open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

type Pair =
    {
        [<Size(2)>]
        X: Tensor
        Y: Tensor
    }

let private weight = Parameter.create "weight" [| 2 |] (Initializer.Constant 0.5)

let private learner =
    Learner.minimise "pairs" (Sgd(0.1)) (fun (p: Pair) -> L.Square(L.Dot(weight, p.X) - p.Y))

let private inputs =
    [
        "batch.X", [| 1.0; 2.0; 3.0; -4.0 |]
        "batch.Y", [| 0.5; 1.0 |]
        "seed", [| 0.0; 0.0 |]
        "step", [| 0.0; 0.0 |]
    ]

[<Fact>]
let ``A step goes down the mean of the loss over the batch`` () =
    // errors 0.5·1 + 0.5·2 − 0.5 = 1 and 0.5·3 − 0.5·4 − 1 = −1.5
    let values = interpret [] inputs (learner.Program(LearnerMode.Learn, 2, 0UL)).Program
    close [ (1.0 + 2.25) / 2.0 ] values["loss"]
    let gradient = [ (2.0 * 1.0 - 3.0 * 3.0) / 2.0; (2.0 * 2.0 + 3.0 * 4.0) / 2.0 ]
    close (gradient |> List.map (fun g -> 0.5 - 0.1 * g)) values["weight"]
    close [ 1.0 ] values["optimizer.step"]

[<Fact>]
let ``An evaluation takes the rows that there are and changes nothing`` () =
    let values = interpret [ "data", 1 ] inputs (learner.Program(LearnerMode.Evaluate, 2, 0UL)).Program
    close [ 1.0 ] values["loss"]
    close [ 0.5; 0.5 ] values["weight"]
    Assert.False(values.ContainsKey "optimizer.step")

[<Fact>]
let ``An examination counts what is not finite at each site`` () =
    let learner =
        Learner.define "roots" (L.Zeros()) (fun c s (x: Tensor) ->
            let program =
                prob {
                    let! a = L.Sample("a", L.Normal(x, L.Ones()))
                    do! L.Observe("b", L.Normal(L.Sqrt x, L.Ones()), a)
                    return a
                }

            let struct (a, _) = c.Trace(Prob.plate c.Data program)
            s, c.Mean a.Value)

    let program = learner.Program(LearnerMode.Examine, 3, 0UL)
    Assert.Equal<string[]>([| "data/a"; "data/b" |], program.Sites |> Array.map (fun s -> s.Path))

    let values =
        interpret [] [ "batch", [| -1.0; 4.0; -9.0 |]; "seed", [| 1.0; 0.0 |]; "step", [| 0.0; 0.0 |] ] program.Program

    close [ 0.0 ] values["site 0"]
    close [ 2.0 ] values["site 1"]

[<Fact>]
let ``Draws differ from step to step and between learning and evaluation`` () =
    let learner =
        Learner.define "draws" (L.Zeros()) (fun c s (x: Tensor) ->
            s, c.Mean(c.DrawEach(prob { return! L.Sample("z", L.Normal(x, L.Ones())) })))

    let draw mode step =
        let inputs = [ "batch", [| 0.0; 0.0 |]; "seed", [| 1.0; 0.0 |]; "step", [| step; 0.0 |] ]
        let extents = if mode = LearnerMode.Evaluate then [ "data", 2 ] else []
        (interpret extents inputs (learner.Program(mode, 2, 0UL)).Program).["loss"].[0]

    let first = draw LearnerMode.Learn 0.0
    Assert.Equal(first, draw LearnerMode.Learn 0.0)
    Assert.Equal(first, draw LearnerMode.Examine 0.0)
    Assert.NotEqual(first, draw LearnerMode.Learn 1.0)
    Assert.NotEqual(first, draw LearnerMode.Evaluate 0.0)

[<Fact>]
let ``One site may not be drawn twice, in one program or in two`` () =
    refuses "The site \"data/z\" occurs twice." (fun () ->
        Learner.define "twice" (L.Zeros()) (fun c s (x: Tensor) ->
            let z () = c.DrawEach(prob { return! L.Sample("z", L.Normal(x, L.Ones())) })
            s, z () + z ()))

[<Fact>]
let ``A step of some parameters leaves the others and names those that the loss does not read`` () =
    let a, b = Parameter.create "a" [||] Initializer.Ones, Parameter.create "b" [||] Initializer.Ones

    let values =
        build "some" (fun builder -> Learning.stepOf builder (Sgd(0.5)) 0UL (L.Square(a * b)) [| a |])
        |> interpret [] []

    close [ 0.0 ] values["a"]
    close [ 1.0 ] values["b"]
    close [ 1.0 ] values["optimizer.step.a"]

    refuses "The loss does not depend on the parameter \"b\"." (fun () ->
        build "none" (fun builder -> Learning.stepOf builder (Sgd(0.5)) 0UL (L.Square a) [| b |]))

    refuses "No parameter is to change." (fun () -> build "none" (fun builder -> Learning.stepOf builder (Sgd(0.5)) 0UL (L.Square a) [||]))
