/// Random programs, compared with the interpreter in both precisions.
module Inference.Compiler.Tests.RandomProgramTests

open System
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Compiler
open Inference.Compiler.Tests.RandomPrograms
open Inference.Compiler.Tests.RandomValues
open Xunit

/// An instruction; a loop's step has some of its own.
let rec instruction depth : Gen<Instruction> =
    gen {
        let number = Gen.choose (0, 9999)
        let! op = number
        let! a = number
        let! b = number
        let! c = number
        let! d = number
        let bare = { Op = op; A = a; B = b; C = c; D = d; Body = [] }

        let! body =
            if isLoop bare && depth < 2 then
                Gen.listOfLength 6 (instruction (depth + 1))
            else
                Gen.constant []

        return { bare with Body = body }
    }

let private programs parts length = Gen.listOfLength parts (Gen.listOfLength length (instruction 0))

/// A list without a stretch of it: halves first, single elements last.
let private shorter (xs: 'a list) =
    Seq.unfold (fun n -> if n = 0 then None else Some(n, n / 2)) (xs.Length / 2 |> max (min 1 xs.Length))
    |> Seq.collect (fun n -> seq { for at in 0..n .. xs.Length - 1 -> List.removeManyAt at (min n (xs.Length - at)) xs })

let private shrink (parts: Instruction list list) =
    seq {
        if parts.Length > 1 then
            yield! parts |> Seq.map List.singleton

        // the first instruction decides the indices, and stays
        for k, part in List.indexed parts do
            match part with
            | head :: rest ->
                for fewer in shorter rest do
                    List.updateAt k (head :: fewer) parts

                for j, i in List.indexed rest do
                    for body in shorter i.Body do
                        List.updateAt k (head :: List.updateAt j { i with Body = body } rest) parts
            | [] -> ()
    }

let private setting name otherwise =
    match Environment.GetEnvironmentVariable name with
    | null
    | "" -> otherwise
    | text -> int text

/// Evaluations spent on making a failing program smaller.
let private patience = 300

/// INFERENCE_RANDOM_SEED and INFERENCE_RANDOM_PROGRAMS ask for other programs, and more of them.
let private agree name seed count parts length =
    let seed = setting "INFERENCE_RANDOM_SEED" seed
    let mutable shrunk = 0
    let mutable smallest = ""

    let property (choices: Instruction list list) =
        if smallest <> "" then
            shrunk <- shrunk + 1

        if shrunk > patience then
            true
        else
            try
                let program, inputs, extents = make choices

                try
                    Oracle.agreesWith 0.0 extents program inputs
                    true
                with
                | :? ModelException -> true // two loops that would have to stand in each other
                | failure ->
                    let options =
                        {
                            InstructionSet = Machine.WidestInstructionSet
                            Double = false
                            Checked = false
                            Verify = false
                        }

                    smallest <- $"{failure.Message}\n{(Compile.close options program).Text}"
                    false
            with :? ModelException as failure ->
                smallest <- $"The model itself is refused: {failure}"
                false

    let config =
        Config.QuickThrowOnFailure
            .WithMaxTest(setting "INFERENCE_RANDOM_PROGRAMS" count)
            .WithReplay(Some { Rnd = Rnd(uint64 seed, 1UL); Size = None })

    try
        Check.One(config, Prop.forAll (Arb.fromGenShrink (programs parts length, shrink)) property)
    with failure ->
        failwith $"{name}, seed {seed}:\n{smallest}\n{failure.Message}"

[<Fact>]
let ``Short random programs agree with the interpreter`` () = agree "short" 1 24 1 14

[<Fact>]
let ``Random programs of several parts agree with the interpreter`` () = agree "parts" 2 12 4 26
