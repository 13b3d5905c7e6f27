/// d-separation against its definition, against another algorithm on the unrolled graph, and against numbers.
module Inference.Dsl.Tests.Graphs.SeparationTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.Graphs.RandomModels
open Inference.Dsl.Tests.Graphs.FiniteModels
open Xunit

[<Fact>]
let ``What is independent is what no open trail joins, in thousands of random graphs`` () =
    holds 3000 (fun random ->
        let dag = dag random (random.Next(2, 8)) (0.2 + 0.5 * random.NextDouble())
        let a, b, given = question random dag.Length
        let graph = ModelGraph.ofProgram "random" (programOf dag)
        let answer = graph.Independent($"x{a}", $"x{b}", [ for z in given -> $"x{z}" ])

        answer.IsIndependent = separatedByTrails dag a b given
        && answer.IsIndependent = separatedByMoralGraph dag [ a ] [ b ] given)

/// Whether a trail of variables is open by the definition.
let private isOpen (dag: Dag) (given: int list) (trail: int list) =
    let reads v u = Array.contains u dag[v]

    let below v =
        reach
            (fun u ->
                [|
                    for w in 0 .. dag.Length - 1 do
                        if Array.contains u dag[w] then
                            w
                |])
            [ v ]

    let joined = trail |> List.pairwise |> List.forall (fun (u, v) -> reads u v || reads v u)

    let passes =
        trail
        |> List.windowed 3
        |> List.forall (fun three ->
            match three with
            | [ u; v; w ] when reads v u && reads v w -> below v |> Seq.exists (fun d -> List.contains d given)
            | [ _; v; _ ] -> not (List.contains v given)
            | _ -> true)

    joined && passes

[<Fact>]
let ``The trail that is shown is an open one from the first variable to the second`` () =
    holds 3000 (fun random ->
        let dag = dag random (random.Next(2, 8)) 0.4
        let a, b, given = question random dag.Length

        let answer =
            (ModelGraph.ofProgram "random" (programOf dag)).Independent($"x{a}", $"x{b}", [ for z in given -> $"x{z}" ])

        let trail = [ for x in answer.Path -> int (x.Substring 1) ]
        answer.IsIndependent || (List.head trail = a && List.last trail = b && isOpen dag given trail))

[<Fact>]
let ``What is independent by the graph is so in numbers, and what is not is not, in random finite models`` () =
    holds 1000 (fun random ->
        let dag = dag random (random.Next(2, 6)) 0.5
        let a, b, given = question random dag.Length
        let graph = ModelGraph.ofProgram "random" (programOf dag)
        let size = dependence (joint dag (tables random dag)) a b given

        if graph.Independent($"x{a}", $"x{b}", [ for z in given -> $"x{z}" ]).IsIndependent then
            size < 1e-12
        else
            size > 1e-12)

/// A question of one site each at a plate value and a step; sites given are given at one value or at all.
let private ofLayout (random: Random) (m: Layout) (number: int -> int -> int -> int) =
    let pick v =
        let site = m.Sites[v].Place

        let p =
            if site = InPlate || site = InPlateAndChain then
                Some(random.Next m.PlateSize)
            else
                None

        let t =
            if site = InChain || site = InPlateAndChain then
                Some(random.Next m.Steps)
            else
                None

        let inside = List.choose id [ p; t ] |> List.map string |> String.concat ", "
        let name = if inside = "" then $"x{v}" else $"x{v}[{inside}]"
        name, [ number v (defaultArg p 0) (defaultArg t 0) ]

    let whole v =
        let site = m.Sites[v].Place

        $"x{v}",
        [
            for p in 0 .. (if site = InPlate || site = InPlateAndChain then m.PlateSize - 1 else 0) do
                for t in 0 .. (if site = InChain || site = InPlateAndChain then m.Steps - 1 else 0) do
                    number v p t
        ]

    let any () =
        let v = random.Next m.Sites.Length
        if random.Next 4 = 0 then whole v else pick v

    any (), any (), [ for _ in 1 .. random.Next 4 -> any () ]

[<Fact>]
let ``Plates and chains answer as the graph with all their values and steps does`` () =
    let asked, independent = ref 0, ref 0

    holds 4000 (fun random ->
        let m = layout random
        let number, dag = unrolled m
        let (a, va), (b, vb), given = ofLayout random m number
        let vz = given |> List.collect snd |> List.distinct
        let sets = [ va; vb; vz ]

        (List.concat sets |> List.distinct).Length < List.sumBy List.length sets
        || (let answer = (ModelGraph.ofProgram "random" (programOfLayout m)).Independent(a, b, List.map fst given)
            asked.Value <- asked.Value + 1

            if answer.IsIndependent then
                independent.Value <- independent.Value + 1

            answer.IsIndependent = separatedByMoralGraph dag va vb vz))

    let asked, independent = asked.Value, independent.Value
    Assert.True(asked > 1000 && independent > 300 && asked - independent > 300, $"{independent} of {asked} were independent.")

[<Fact>]
let ``Letters are different values of a plate, and all steps of a chain`` () =
    holds 1000 (fun random ->
        let m = layout random
        let number, dag = unrolled m

        let inChain =
            [
                for v in 0 .. m.Sites.Length - 1 do
                    if m.Sites[v].Place = InPlateAndChain then
                        v
            ]

        let ofPair u v w =
            let back = random.Next 3
            let graph = ModelGraph.ofProgram "random" (programOfLayout m)
            let answer = graph.Independent($"x{u}[i, t]", $"x{v}[j, t-{back}]", [ $"x{w}[i, t-1]" ])

            let expected =
                [
                    for t in 0 .. m.Steps - 1 do
                        let a, z = (u, 0, t), (w, 0, t - 1)

                        if t >= back && t >= 1 && a <> z then
                            let n (v, p, t) = number v p t
                            separatedByMoralGraph dag [ n a ] [ n (v, 1, t - back) ] [ n z ]
                ]

            answer.IsIndependent = List.forall id expected

        match inChain with
        | [] -> true
        | _ when m.Steps < 3 -> true
        | sites ->
            let pick () = sites[random.Next sites.Length]
            ofPair (pick ()) (pick ()) (pick ()))
