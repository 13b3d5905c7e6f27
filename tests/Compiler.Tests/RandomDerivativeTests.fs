/// Derivatives of random programs: cotangents are the transpose of tangents.
module Inference.Compiler.Tests.RandomDerivativeTests

open System
open System.Collections.Generic
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Compiler
open Inference.Compiler.Tests.ProgramTests
open Inference.Compiler.Tests.RandomPrograms
open Xunit

/// Numbers within 1 for each element of some values, different ones for each seed.
let private numbersFor seed (values: Tensor[]) : double[][] =
    let random = Random(seed: int)
    values |> Array.map (fun x -> Array.init x.Count (fun _ -> 2.0 * random.NextDouble() - 1.0))

let private constants (values: Tensor[]) (numbers: double[][]) =
    Array.map2 (fun (x: Tensor) v -> Build.constantOf x.DType x.Shape v) values numbers

let private inner (a: double[][]) (b: double[][]) = Array.sum (Array.map2 (Array.fold2 (fun s x y -> s + x * y) 0.0) a b)

/// Values in double precision, where derivatives of a program are outputs beside its own.
let private evaluate (program: Program) inputs extents (values: Tensor[]) : double[][] =
    let whole =
        { program with
            Outputs = values |> Array.mapi (fun k x -> $"value {k}", x)
            States = [||]
        }

    let struct (outputs, _) =
        Interpreter.Run(whole, Dictionary(dict inputs), Dictionary(dict extents), true)

    values |> Array.mapi (fun k _ -> outputs[$"value {k}"])

/// The floating-point inputs of a program, and its outputs that no state takes part in.
let private movable (program: Program) =
    let isFloat (x: Tensor) = x.DType.IsFloat

    let readsState (y: Tensor) =
        Traverse.postOrder [ y ]
        |> Array.exists (fun x ->
            match x.Op with
            | Op.Input slot -> slot.IsState
            | _ -> false)

    program.Inputs |> Array.map snd |> Array.filter isFloat,
    program.Outputs |> Array.map snd |> Array.filter (fun y -> isFloat y && not (readsState y))

let private absolute = Array.map (Array.map (abs: double -> double))

/// ⟨c, J·t⟩ and ⟨Jᵀ·c, t⟩, with the size of the terms that they are sums of.
let private ofJacobian program inputs extents =
    let xs, ys = movable program
    let t, c = numbersFor 1 xs, numbersFor 2 ys
    let forward = Calculus.jvp ys xs (constants xs t)
    let backward = Calculus.vjp ys xs (constants ys c)
    let values = evaluate program inputs extents (Array.append forward backward)
    let jt, jc = Array.take ys.Length values, Array.skip ys.Length values
    inner c jt, inner jc t, inner (absolute c) (absolute jt)

/// ⟨t, H·u⟩ and ⟨u, H·t⟩ of a weighed sum of the outputs, with the size of their terms.
let private ofHessian program inputs extents =
    let xs, ys = movable program
    let t, u = numbersFor 3 xs, numbersFor 4 xs

    let loss =
        Array.map2 (fun (y: Tensor) w -> L.Sum(y * w)) ys (constants ys (numbersFor 2 ys))
        |> Array.fold (+) (Build.scalar DType.F32 0.0)

    let product direction = Calculus.hessianVector loss xs (constants xs direction)
    let values = evaluate program inputs extents (Array.append (product t) (product u))
    let ht, hu = Array.take xs.Length values, Array.skip xs.Length values
    inner t hu, inner u ht, inner (absolute t) (absolute hu)

/// Says that two products are equal for random programs, most of which have derivatives.
let private alike seed count products =
    let mutable moved = 0

    let property choices =
        let left, right, size = make choices |||> products

        if size > 1e-3 then
            moved <- moved + 1

        abs (left - right) <= 1e-9 * (1.0 + size)

    let programs = Gen.listOfLength 2 (Gen.listOfLength 20 (RandomProgramTests.instruction 0))

    let config =
        Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(Some { Rnd = Rnd(seed, 1UL); Size = None })

    Check.One(config, Prop.forAll (Arb.fromGen programs) property)
    Assert.True(2 * moved > count, $"{moved} of {count} programs have derivatives")

[<Fact>]
let ``Cotangents of random programs are the transpose of their tangents`` () = alike 3UL 200 ofJacobian

[<Fact>]
let ``Hessians of random programs are symmetric`` () = alike 4UL 60 ofHessian
