/// Random small models with finite sites along a chain, beside it, and in plates within and around it.
module Inference.Dsl.Tests.ChainModels

open System
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.ExactBounds

type Placement =
    | Alone
    /// The chain stands in a plate.
    | InPlate
    /// A plate stands in each step of the chain.
    | AroundPlate

/// What a model consists of. A count of values of 0: the site is not there.
type ChainModel =
    {
        Steps: int
        /// Values of the site `a`, which is carried, over one step or two.
        States: int
        Order: int
        /// Values of the site `b`, which is carried as well.
        Others: int
        /// Whether `a` reads `b`, and one observation reads both.
        IsCoupled: bool
        /// Values of the site `c` of each step, which no other step reads.
        Locals: int
        /// Values of the site `g`, drawn once.
        Globals: int
        Placement: Placement
        /// Whether the last state is observed.
        IsEndSeen: bool
        Salt: double
    }

type private Carried = { A: Tensor; Before: Tensor; B: Tensor }

/// A model with the paths of its sites, the plates and steps they stand in, and how many values they have.
type Described = { Model: Prob<unit>; Sites: (string * FreeIndex list * int) list }

let private number x = L.Convert(x, DType.F32)

/// Log-probabilities that vary with parents in no simple way, by a parameter.
let private logits (theta: Tensor) count salt (parents: Tensor list) =
    L.Pack
        [|
            for k in 0 .. count - 1 ->
                let phase =
                    parents
                    |> List.mapi (fun j p -> (0.7 + 0.4 * double j + 0.3 * double k) * p)
                    |> List.fold (+) (scalar (salt + 1.3 * double k))

                theta * L.Sin phase
        |]

let describe (theta: Tensor) (m: ChainModel) : Described =
    let time, plate = L.TimeIndex("t", m.Steps), L.PlateIndex("i", 2)
    let observed = L.Sin(1.7 * number (L.Position time) + m.Salt)
    let hasPlate = m.Placement <> Alone
    let seen = if hasPlate then observed + 0.4 * number (L.Position plate) else observed
    let site name count salt parents = L.Sample(name, L.Categorical(logits theta count (m.Salt + salt) parents))

    let optional name count salt parents =
        if count = 0 then
            Prob.result (L.Convert(L.Fill(0.0), DType.I32))
        else
            site name count salt parents

    let step (g: Tensor) (s: Carried) =
        prob {
            let b' = if m.IsCoupled then [ number s.B ] else []
            let second = if m.Order = 2 then [ number s.Before ] else []
            let! a = site "a" m.States 0.3 ([ number s.A; number g ] @ second @ b')
            let! b = optional "b" m.Others 1.1 [ number s.B ]
            let! c = optional "c" m.Locals 2.3 [ number a; number s.A ]
            let both = if m.IsCoupled then number a + 0.5 * number b else number a
            do! L.Observe("y", L.Normal(both - number c, 0.8), seen)
            do! L.Observe("x", L.Normal(number b, 1.1), 0.5 * seen)
            do! L.Factor(0.1 * number a * seen)
            return { A = a; Before = s.A; B = b }
        }

    let inside (g: Tensor) (s: Carried) : Prob<Carried> =
        if m.Placement = AroundPlate then
            L.Plate(plate, step g s) |> Prob.map (fun p -> p.Value)
        else
            step g s

    let chain (g: Tensor) =
        prob {
            let none = L.Convert(scalar -1.0, DType.I32)
            let! chain = L.Markov(time, { A = none; Before = none; B = none }, (fun s -> inside g s))
            let last = L.Observe("end", L.Normal(number chain.Final.A, 0.7), scalar 0.6)

            if m.IsEndSeen then
                let! _ =
                    if m.Placement = AroundPlate then
                        L.Plate(plate, last) |> Prob.map ignore
                    else
                        last

                return ()
        }

    let model =
        prob {
            let! g = optional "g" m.Globals 3.1 []

            if m.Placement = InPlate then
                let! _ = L.Plate(plate, chain g)
                return ()
            else
                do! chain g
        }

    let prefix, indices =
        match m.Placement with
        | Alone -> "t/", [ time ]
        | InPlate -> "i/t/", [ plate; time ]
        | AroundPlate -> "t/i/", [ plate; time ]

    {
        Model = model
        Sites =
            [
                "g", [], m.Globals
                prefix + "a", indices, m.States
                prefix + "b", indices, m.Others
                prefix + "c", indices, m.Locals
            ]
            |> List.filter (fun (_, _, count) -> count > 0)
    }

/// All values of all sites of a model.
let gridOf (d: Described) : Grid =
    grid 1.0 [ for path, indices, count in d.Sites -> path, indices, [ 0.0 .. double (count - 1) ], DType.I32 ]

let private assignments (m: ChainModel) =
    let each = double (m.States * max 1 m.Others * max 1 m.Locals)
    let plates = if m.Placement = Alone then 1 else 2
    double (max 1 m.Globals) * each ** double (m.Steps * plates)

/// Models of at most some thousands of assignments; the more sites, the fewer steps.
let models: Arbitrary<ChainModel> =
    let cardinality = Gen.choose (2, 4)
    let rarely g = Gen.oneof [ Gen.constant 0; g ]

    gen {
        let! steps = Gen.choose (1, 6)
        let! states = cardinality
        let! order = Gen.elements [ 1; 1; 2 ]
        let! others = rarely cardinality
        let! locals = rarely cardinality
        let! globals = rarely cardinality
        let! coupled = Gen.elements [ true; false ]
        let! placement = Gen.elements [ Alone; InPlate; AroundPlate ]
        let! endSeen = Gen.elements [ true; false ]
        let! salt = Gen.choose (0, 1000)

        let m =
            {
                Steps = steps
                States = states
                Order = order
                Others = others
                IsCoupled = coupled && others > 0
                Locals = locals
                Globals = globals
                Placement = placement
                IsEndSeen = endSeen
                Salt = double salt / 100.0
            }

        let fewest = [ steps .. -1 .. 1 ] |> List.tryFind (fun n -> assignments { m with Steps = n } <= 1500.0)
        let smaller = { m with Steps = 1; Others = 0; IsCoupled = false; Locals = 0; States = 2 }
        return fewest |> Option.map (fun n -> { m with Steps = n }) |> Option.defaultValue smaller
    }
    |> Arb.fromGen

/// Holds for some number of random models.
let holdsFor count (property: ChainModel -> unit) =
    Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(Some { Rnd = Rnd(11UL, 3UL); Size = None }),
        Prop.forAll models property
    )
