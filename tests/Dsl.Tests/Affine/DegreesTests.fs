/// Rewards of random expressions: what is taken for quadratic is so.
module Inference.Dsl.Tests.Affine.DegreesTests

open System
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.LinearQuadratic.RiccatiTests
open Xunit

/// An expression of what a cart's state and action are.
type Term =
    | Position
    | Speed
    | Force
    | Number of double
    | Add of Term * Term
    | Multiply of Term * Term
    | Divide of Term * Term
    | Power of Term * int
    | Sine of Term
    | Larger of Term * Term
    | Choose of Term * Term * Term
    | Packed of Term * Term
    | Summed of Term * Term * Term

let rec private write (s: Cart) (a: Push) term : Tensor =
    let at = write s a

    match term with
    | Position -> s.Position
    | Speed -> s.Speed
    | Force -> a.Force
    | Number x -> L.Fill x
    | Add(x, y) -> at x + at y
    | Multiply(x, y) -> at x * at y
    | Divide(x, y) -> at x / (at y + 3.5)
    | Power(x, n) -> L.Pow(at x, double n)
    | Sine x -> L.Sin(at x)
    | Larger(x, y) -> L.Max(at x, at y)
    | Choose(x, y, z) -> L.Select(L.Less(at x, 0.25), at y, at z)
    | Packed(x, y) -> L.Gather(L.Reshape(L.Pack(at x, at y, at x), 3, 1), L.Integers [| 1 |]) |> L.Sum
    | Summed(x, y, z) ->
        // a loop that carries x and adds y, three times, and a contraction
        let index = L.TimeIndex("loop", 3)
        let finals, _ = Structure.scan index [| at x |] (fun c -> [| c[0] + at y |], ())
        finals[0] + L.Dot(L.Pack(at z, L.Fill 0.5), L.Pack(L.Fill 2.0, at z))

let private terms =
    let leaf =
        Gen.oneof [ Gen.elements [ Position; Speed; Force ]; Gen.map Number (Gen.elements [ -1.5; 0.5; 2.0 ]) ]

    let rec sized n =
        if n = 0 then
            leaf
        else
            let inner = sized (n / 2)

            Gen.oneof
                [
                    leaf
                    Gen.map2 (fun x y -> Add(x, y)) inner inner
                    Gen.map2 (fun x y -> Multiply(x, y)) inner inner
                    Gen.map2 (fun x y -> Divide(x, y)) inner inner
                    Gen.map2 (fun x n -> Power(x, n)) inner (Gen.choose (0, 3))
                    Gen.map Sine inner
                    Gen.map2 (fun x y -> Larger(x, y)) inner inner
                    Gen.map3 (fun x y z -> Choose(x, y, z)) inner inner inner
                    Gen.map2 (fun x y -> Packed(x, y)) inner inner
                    Gen.map3 (fun x y z -> Summed(x, y, z)) inner inner inner
                ]

    Gen.sized (fun n -> sized (min n 12))

/// The reward at points along a line through state and action.
let private along term (points: double list) =
    let at t : Tensor =
        write { Position = scalar (0.3 + t); Speed = scalar (-0.4 + 0.7 * t) } { Force = scalar (0.2 - 1.1 * t) } term

    points |> List.map (at >> number)

let private accepted term =
    let process': Mdp<Cart, Push, NoSettings> =
        Mdp.define "cart"
        |> Mdp.step (fun s a -> { Position = s.Position + s.Speed; Speed = s.Speed + a.Force })
        |> Mdp.reward (fun s a -> write s a term - L.Square a.Force)

    try
        LinearQuadratic.derive 0 (Mdp.optimal 1.0 process') |> ignore
        true
    with :? ModelException as e when e.Problem.Contains "is not quadratic" ->
        false

[<Fact>]
let ``What is taken for quadratic has no third difference`` () =
    let mutable taken = 0

    let holds term =
        let isTaken = accepted term

        if isTaken then
            taken <- taken + 1

        match along term [ -1.5; -0.5; 0.5; 1.5 ] with
        | [ a; b; c; d ] ->
            let third = d - 3.0 * c + 3.0 * b - a
            let scale = 1.0 + List.max [ abs a; abs b; abs c; abs d ]
            not isTaken || not (Double.IsFinite third) || abs third <= 1e-9 * scale
        | _ -> false

    Check.One(Config.QuickThrowOnFailure.WithMaxTest(300), Prop.forAll (Arb.fromGen terms) holds)
    Assert.InRange(taken, 10, 290)
