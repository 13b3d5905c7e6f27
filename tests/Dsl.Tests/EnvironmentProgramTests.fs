module Inference.Dsl.Tests.EnvironmentProgramTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

type Point =
    {
        [<Size(2)>]
        At: Tensor
        Fuel: Tensor
    }

type Move =
    {
        [<Within(-1.0, 1.0)>]
        By: Tensor
        [<Discrete(3)>]
        Gear: Tensor
    }

let private walk =
    Mdp.define<Point, Move, Tensor> "walk"
    |> Mdp.start (
        prob {
            let! at = L.Sample("at", L.Uniform(L.Zeros 2, 1.0))
            return { At = at; Fuel = scalar 5.0 }
        }
    )
    |> Mdp.stepWith (fun s u g t -> { At = s.At + g * u.By * L.Convert(u.Gear, DType.F32); Fuel = s.Fuel - t })
    |> Mdp.rewardWith (fun s u g t -> 100.0 * s.Fuel + 10.0 * u.By + g + 1000.0 * t)
    |> Mdp.termination (fun s _ -> L.Less(s.Fuel, 3.5))

let private programs = EnvironmentPrograms.derive walk
let private seeded = "seed", [| 3.0; 4.0 |]

let private step state time action =
    interpret
        []
        [
            seeded
            "episode", [| 2.0 |]
            "action", action
            "settings", [| 2.0 |]
            "state", state
            "time", [| time |]
        ]
        programs.Step

[<Fact>]
let ``An environment starts where the process does, each episode elsewhere`` () =
    let start episode = interpret [] [ seeded; "episode", [| episode |] ] programs.Reset.Value
    let first = (start 0.0).["state"]
    Assert.All(first[0..1], fun x -> Assert.InRange(x, 0.0, 1.0))
    Assert.Equal(5.0, first[2])
    // without an observation the state is seen
    Assert.Equal<double[]>(first, (start 0.0).["observation"])

    Assert.Equal(
        6,
        [ for k in 0.0 .. 2.0 -> (start k).["state"].[0..1] ]
        |> Array.concat
        |> Array.distinct
        |> Array.length
    )

[<Fact>]
let ``A step gives the reward of the state before it, and tells whether the next one ends the episode`` () =
    let result = step [| 0.1; 0.2; 5.0 |] 1.0 [| 0.5; 2.0 |]
    close [ 500.0 + 5.0 + 2.0 + 1000.0 ] result["reward"]
    close [ 2.1; 2.2; 4.0 ] result["state"]
    close [ 2.1; 2.2; 4.0 ] result["observation"]
    close [ 0.0 ] result["terminated"]
    close [ 2.0 ] result["time"]
    close [ 1.0 ] (step [| 0.1; 0.2; 5.0 |] 2.0 [| 0.5; 2.0 |]).["terminated"]

[<Fact>]
let ``From a state that has ended the episode a step goes nowhere, is worth nothing and ends it`` () =
    let result = step [| 0.1; 0.2; 3.0 |] 0.0 [| 0.5; 2.0 |]
    close [ 0.0 ] result["reward"]
    close [ 1.0 ] result["terminated"]
    close [ 0.1; 0.2; 3.0 ] result["state"]
    close [ 0.1; 0.2; 3.0 ] result["observation"]

[<Fact>]
let ``Actions are held to their limits and choices`` () =
    close [ 4.1; 4.2; 4.0 ] (step [| 0.1; 0.2; 5.0 |] 1.0 [| 7.0; 9.0 |]).["state"]
    close [ 0.1; 0.2; 4.0 ] (step [| 0.1; 0.2; 5.0 |] 1.0 [| 7.0; -9.0 |]).["state"]

[<Fact>]
let ``A process without an end or a start has none`` () =
    let endless =
        Mdp.define<Point, Move, NoSettings> "endless"
        |> Mdp.step (fun s _ -> s)
        |> Mdp.reward (fun s _ -> s.Fuel)
        |> EnvironmentPrograms.derive

    Assert.True(endless.Reset.IsNone && endless.Observe.IsNone)
    let inputs = [ seeded; "episode", [| 0.0 |]; "action", [| 0.0; 0.0 |]; "settings", [| 0.0 |] ]
    close [ 0.0 ] (interpret [] inputs endless.Step).["terminated"]

[<Fact>]
let ``What is observed is drawn, and drawn anew at each step and in each episode`` () =
    let seen = walk |> Mdp.observe (fun s -> L.Normal(s.At, 0.001)) |> EnvironmentPrograms.derive
    Assert.Equal(2, seen.ObservationCount)

    let after time episode =
        let inputs =
            [
                seeded
                "episode", [| episode |]
                "action", [| 0.0; 0.0 |]
                "settings", [| 0.0 |]
                "state", [| 8.0; 9.0; 5.0 |]
                "time", [| time |]
            ]

        (interpret [] inputs seen.Step).["observation"]

    let all = [ for time, episode in [ 0.0, 0.0; 1.0, 0.0; 0.0, 1.0 ] -> after time episode ]
    Assert.All(all, fun o -> Assert.InRange(o[0], 7.99, 8.01))
    Assert.All(all, fun o -> Assert.InRange(o[1], 8.99, 9.01))
    Assert.Equal(6, all |> Array.concat |> Array.distinct |> Array.length)

    // a start seen by itself is seen as it is when it is drawn
    let start = interpret [] [ seeded; "episode", [| 0.0 |] ] seen.Reset.Value
    let again = interpret [] [ seeded; "episode", [| 0.0 |]; "state", start["state"] ] seen.Observe.Value
    Assert.Equal<double[]>(start["observation"], again["observation"])

[<Fact>]
let ``A missing part is an error that names the process`` () =
    let e =
        failure (fun () -> EnvironmentPrograms.derive (Mdp.define<Point, Move, NoSettings> "still" |> Mdp.step (fun s _ -> s)))

    Assert.Equal("\"still\" has no Reward.", e.Problem)
    Assert.Equal("still", e.Model)

type Floor =
    {
        [<Discrete(4)>]
        Number: Tensor
    }

[<Fact>]
let ``A whole number of a state may be followed by a computed one, also where episodes end`` () =
    let lift =
        Mdp.define<Floor, Floor, NoSettings> "lift"
        |> Mdp.step (fun s u -> { Number = L.Convert(s.Number + u.Number, DType.F32) })
        |> Mdp.reward (fun _ _ -> scalar 1.0)
        |> Mdp.termination (fun s _ -> L.Less(2.0, L.Convert(s.Number, DType.F32)))
        |> EnvironmentPrograms.derive

    let inputs = [ seeded; "episode", [| 0.0 |]; "action", [| 2.0 |]; "settings", [| 0.0 |] ]

    let after number =
        let result = interpret [] (("state", [| number |]) :: inputs) lift.Step
        [| for name in [ "state"; "reward"; "terminated" ] -> result[name].[0] |]

    close [ 3.0; 1.0; 1.0 ] (after 1.0)
    close [ 3.0; 0.0; 1.0 ] (after 3.0)
