/// Derivatives of random programs: cotangents are the transpose of tangents.
module Inference.Compiler.Tests.RandomDerivativeTests

open System
open System.Collections.Generic
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Compiler
open Inference.Compiler.Tests.RandomPrograms
open Xunit

/// Numbers within 1 for each element of some values, different ones for each seed.
let private numbersFor seed (values: Tensor[]) : double[][] =
    let random = Random(seed: int)
    values |> Array.map (fun x -> Array.init x.Count (fun _ -> 2.0 * random.NextDouble() - 1.0))

let private constants (values: Tensor[]) (numbers: double[][]) =
    Array.map2 (fun (x: Tensor) v -> Build.constantOf x.DType x.Shape v) values numbers

let private inner (a: double[][]) (b: double[][]) =
    Array.sum (Array.map2 (Array.fold2 (fun s x y -> s + x * y) 0.0) a b)

/// Values in double precision, where derivatives of a program are outputs beside its own.
let private evaluate (program: Program) inputs extents (values: Tensor[]) : double[][] =
    let whole =
        { program with
            Outputs = values |> Array.mapi (fun k x -> $"value {k}", x)
            States = [||]
        }

    let struct (outputs, _) = Interpreter.Run(whole, Dictionary(dict inputs), Dictionary(dict extents), true)
    values |> Array.mapi (fun k _ -> outputs[$"value {k}"])

/// What a program says of ⟨c, J·t⟩ and of ⟨Jᵀ·c, t⟩, with the size of the terms that they are sums of.
let private products (program: Program) inputs extents =
    let isFloat (x: Tensor) = x.DType.IsFloat
    let xs = program.Inputs |> Array.map snd |> Array.filter isFloat

    // states take part as constants
    let readsState (y: Tensor) =
        Traverse.postOrder [ y ]
        |> Array.exists (fun x ->
            match x.Op with
            | Op.Input slot -> slot.IsState
            | _ -> false)

    let ys = program.Outputs |> Array.map snd |> Array.filter (fun y -> isFloat y && not (readsState y))
    let t, c = numbersFor 1 xs, numbersFor 2 ys
    let forward = Calculus.jvp ys xs (constants xs t)
    let backward = Calculus.vjp ys xs (constants ys c)
    let values = evaluate program inputs extents (Array.append forward backward)
    let jt, jc = Array.take ys.Length values, Array.skip ys.Length values
    let size = inner (c |> Array.map (Array.map abs)) (jt |> Array.map (Array.map abs))
    inner c jt, inner jc t, size

[<Fact>]
let ``Cotangents of random programs are the transpose of their tangents`` () =
    let mutable moved = 0

    let property choices =
        let program, inputs, extents = make choices

        match
            (try
                Some(products program inputs extents)
             with :? ModelException ->
                 None)
        with
        | None -> true // two loops that would have to stand in each other
        | Some(left, right, size) ->
            if size > 1e-3 then
                moved <- moved + 1

            abs (left - right) <= 1e-9 * (1.0 + size)

    let programs = Gen.listOfLength 2 (Gen.listOfLength 20 (RandomProgramTests.instruction 0))
    let config = Config.QuickThrowOnFailure.WithMaxTest(40).WithReplay(Some { Rnd = Rnd(3UL, 1UL); Size = None })
    Check.One(config, Prop.forAll (Arb.fromGen programs) property)
    Assert.True(moved > 20, $"{moved} programs have derivatives")
