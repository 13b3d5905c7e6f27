module Inference.Dsl.Tests.RandomTests

open System
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

[<Fact>]
let ``Philox gives the words of its reference implementation`` () =
    // known answers of Random123, kat_vectors, philox4x32 10
    Assert.Equal<uint32[]>([| 0x6627e8d5u; 0xe169c58du; 0xbc57ac4cu; 0x9b00dbd8u |], Philox.words 0u 0u 0u 0u 0u 0u)
    let ones = UInt32.MaxValue
    Assert.Equal<uint32[]>([| 0x408f276du; 0x41c83b0eu; 0xa20bc7c6u; 0x6d5451fdu |], Philox.words ones ones ones ones ones ones)

    Assert.Equal<uint32[]>(
        [| 0xd16cfe09u; 0x94fdccebu; 0x5001e420u; 0x24126ea1u |],
        Philox.words 0x243f6a88u 0x85a308d3u 0x13198a2eu 0x03707344u 0xa4093822u 0x299f31d0u
    )

[<Fact>]
let ``The words in a graph are those of Philox`` () =
    Check.QuickThrowOnFailure(fun (a: uint32) (b: uint32) (k: uint32) ->
        let word (v: uint32) = Build.scalar DType.U32 (double v)

        let drawn =
            [
                for w in 0..3 -> number (Structure.philox w [| word a; word b; word 7u; word 9u |] [| word k; word b |])
            ]

        drawn = [ for w in Philox.words a b 7u 9u k b -> double w ])

[<Fact>]
let ``A path's hash is FNV-1a of 64 bits`` () =
    // known answers of the reference implementation: "", "a", "foobar"
    let hash path =
        let struct (low, high) = Philox.hashPath path in uint64 high <<< 32 ||| uint64 low

    Assert.Equal(0xcbf29ce484222325UL, hash "")
    Assert.Equal(0xaf63dc4c8601ec8cUL, hash "a")
    Assert.Equal(0x85944171f73967e8UL, hash "foobar")

[<Fact>]
let ``Four draws that follow one another share a counter, and no two draws share a word`` () =
    for count in [ 1; 2; 3; 4; 5; 7; 8; 13 ] do
        let places =
            [
                for t in 0L .. 40L do
                    for e in 0L .. int64 count - 1L -> Philox.counterOf count t e
            ]

        Assert.Equal(places.Length, places |> List.distinct |> List.length)

        for k, struct (time, block, word) in List.indexed places do
            let struct (firstTime, firstBlock, firstWord) = places[k / 4 * 4]
            Assert.Equal(0, firstWord)
            Assert.Equal((firstTime, firstBlock, k % 4), (time, block, word))

[<Fact>]
let ``Draws are the words of their counters, in the order of times and elements`` () =
    let i, j, t = L.PlateIndex("i", 2), L.PlateIndex("j", 3), L.TimeIndex("t", 4)
    let key = [| Build.scalar DType.U32 11.0; Build.scalar DType.U32 12.0 |]

    let stacked kind =
        let x = Structure.random kind [ i; j ] [ t ] 5 key [| 3 |] in numbers (L.Stack(L.Stack(L.Stack(x, t), j), i))

    let words, uniforms, normals =
        stacked RandomKind.Word, stacked RandomKind.Uniform, stacked RandomKind.Normal

    for plate in 0..5 do
        for n in 0..11 do
            let word n =
                let first = n / 4 * 4
                (Philox.words (uint32 plate) (uint32 (first / 3)) (uint32 (first % 3 / 4)) 5u 11u 12u).[n % 4]

            let uniform n = (double (word n >>> 9) + 0.5) * 2.0 ** -23.0
            let radius, angle = sqrt (-2.0 * log (uniform (n / 2 * 2))), 2.0 * Math.PI * uniform (n / 2 * 2 + 1)
            Assert.Equal(double (word n), words[plate * 12 + n])
            Assert.Equal(uniform n, uniforms[plate * 12 + n])
            Assert.Equal((if n % 2 = 0 then radius * cos angle else radius * sin angle), normals[plate * 12 + n], 1e-12)
