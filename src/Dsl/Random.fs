namespace Inference

open System.Text

/// Counter-based random words: Philox 4×32 with 10 rounds (Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as
/// 1, 2, 3", SC 2011). docs/random.md states keys, counters and transforms.
[<RequireQualifiedAccess>]
module Philox =
    let private multiplier0, multiplier1 = 0xD2511F53u, 0xCD9E8D57u
    let private weyl0, weyl1 = 0x9E3779B9u, 0xBB67AE85u

    /// The four words of a counter under a key, without an array.
    let wordsOf (c0: uint32) (c1: uint32) (c2: uint32) (c3: uint32) (key0: uint32) (key1: uint32) =
        let mutable a, b, c, d = c0, c1, c2, c3
        let mutable k0, k1 = key0, key1

        for _ in 1..10 do
            let p = uint64 multiplier0 * uint64 a
            let q = uint64 multiplier1 * uint64 c
            let a', c' = uint32 (q >>> 32) ^^^ b ^^^ k0, uint32 (p >>> 32) ^^^ d ^^^ k1
            b <- uint32 q
            d <- uint32 p
            a <- a'
            c <- c'
            k0 <- k0 + weyl0
            k1 <- k1 + weyl1

        struct (a, b, c, d)

    /// The four words of a counter under a key.
    let words c0 c1 c2 c3 key0 key1 : uint32[] =
        let struct (a, b, c, d) = wordsOf c0 c1 c2 c3 key0 key1
        [| a; b; c; d |]

    /// The counter (plate, time, element block) and the word of draw `element` of `count` at one step of a chain. Four
    /// consecutive draws in (time, element) order share a counter: the one that names the first of them.
    let counterOf (count: int) (time: int64) (element: int64) : struct (uint32 * uint32 * int) =
        let draw = time * int64 count + element
        let first = draw / 4L * 4L
        struct (uint32 (first / int64 count), uint32 (first % int64 count / 4L), int (draw % 4L))

    /// A 64-bit hash (FNV-1a) of a site's path, as two words.
    let hashPath (path: string) : struct (uint32 * uint32) =
        let hash =
            Encoding.UTF8.GetBytes path
            |> Array.fold (fun h b -> (h ^^^ uint64 b) * 1099511628211UL) 14695981039346656037UL

        struct (uint32 hash, uint32 (hash >>> 32))
