/// d-separation along chains, short and long, against the graph with all their steps.
module Inference.Dsl.Tests.Graphs.ChainSeparationTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.Graphs.RandomModels
open Xunit

/// Chains that carry sums: each site may read sites of its own step and sums of the step before; each sum adds sites of its step to sums.
let private summing (random: Random) =
    let sites, sums = random.Next(1, 4), random.Next(1, 3)

    let some n =
        [
            for k in 0 .. n - 1 do
                if random.NextDouble() < 0.5 then
                    k
        ]

    let readsOf = Array.init sites (fun v -> some v, some sums)
    let addsOf = Array.init sums (fun _ -> some sites, some sums)

    let program steps =
        let zero = Build.scalar DType.F32 0.0
        let total (values: Tensor seq) = Seq.fold (+) zero values

        Prob.markov (L.TimeIndex("t", steps)) (zero, zero) (fun (a, b) ->
            let carried k = if k = 0 then a else b

            let rec from v (values: Tensor list) =
                if v = sites then
                    let sum k =
                        fst addsOf[k]
                        |> Seq.map (fun v -> values[v])
                        |> total
                        |> (+) (snd addsOf[k] |> Seq.map carried |> total)

                    Prob.result ((sum 0, (if sums > 1 then sum 1 else b)), ())
                else
                    let mean =
                        total (Seq.append (fst readsOf[v] |> Seq.map (fun u -> values[u])) (snd readsOf[v] |> Seq.map carried))

                    L.Sample($"x{v}", L.Normal(mean, L.Fill 1.0)) |> Prob.bind (fun x -> from (v + 1) (values @ [ x ]))

            from 0 [])

    /// Without the sums: a site reads all that they are sums of.
    let dag steps : Dag =
        let rec within k t =
            if t < 0 then
                Set.empty
            else
                Seq.append [ for v in fst addsOf[k] -> set [ t * sites + v ] ] [ for j in snd addsOf[k] -> within j (t - 1) ]
                |> Set.unionMany

        [|
            for t in 0 .. steps - 1 do
                for v in 0 .. sites - 1 do
                    let past = [ for k in snd readsOf[v] -> within k (t - 1) ]
                    Set.unionMany (set [ for u in fst readsOf[v] -> t * sites + u ] :: past) |> Set.toArray
        |]

    sites, program, dag

[<Fact>]
let ``What a chain computes from its past is seen through, and known when all of its parts are`` () =
    holds 3000 (fun random ->
        let sites, program, dag = summing random
        let steps = random.Next(1, 6)
        let dag = dag steps
        let name v = $"x{v % sites}[{v / sites}]"

        dag.Length < 2
        || (let a, b, given = question random dag.Length
            let graph = ModelGraph.ofProgram "sums" (program steps)
            let answer = graph.Independent(name a, name b, List.map name given)
            answer.IsIndependent = separatedByMoralGraph dag [ a ] [ b ] given))

[<Fact>]
let ``What long chains compute from their past is as in the graph with all their steps`` () =
    let independent = ref 0

    holds 200 (fun random ->
        let sites, program, dag = summing random
        let steps = random.Next(12, 20)
        let dag = dag steps
        let some () = random.Next dag.Length
        let name v = $"x{v % sites}[{v / sites}]"

        // sites that are given are given at all steps, or at some
        let given =
            [
                for v in 0 .. sites - 1 do
                    if random.Next 2 = 0 then
                        $"x{v}", [ for t in 0 .. steps - 1 -> t * sites + v ]
                for _ in 1 .. random.Next 4 do
                    let v = some ()
                    name v, [ v ]
            ]

        let vz = given |> List.collect snd |> List.distinct

        match some (), some () with
        | a, b when a = b || List.contains a vz || List.contains b vz -> true
        | a, b ->
            let graph = ModelGraph.ofProgram "sums" (program steps)
            let answer = graph.Independent(name a, name b, List.map fst given).IsIndependent

            if answer then
                independent.Value <- independent.Value + 1

            answer = separatedByMoralGraph dag [ a ] [ b ] vz)

    Assert.True(independent.Value > 20, $"{independent.Value} were independent.")

/// A site of a layout at some plate value and some step, as text with a number or a letter for the step, and as what it is for a step of each letter.
let private named (random: Random) (m: Layout) (number: int -> int -> int -> int) (letters: string list) =
    let v = random.Next m.Sites.Length
    let place = m.Sites[v].Place

    let isInPlate, isInChain =
        (place = InPlate || place = InPlateAndChain), (place = InChain || place = InPlateAndChain)

    let p = if isInPlate then random.Next m.PlateSize else 0

    let step, at =
        match random.Next 6 with
        | _ when not isInChain -> "", fun (_: Map<string, int>) -> [ 0 ]
        | 0 -> "*", fun _ -> [ 0 .. m.Steps - 1 ]
        | 1 ->
            let t = random.Next m.Steps
            string t, fun _ -> [ t ]
        | 2 -> "last-1", fun _ -> [ m.Steps - 2 ]
        | _ ->
            let l, back = letters[random.Next letters.Length], random.Next(-2, 3)
            let text = if back < 0 then string back else $"+{back}"
            $"{l}{text}", fun steps -> [ steps[l] + back ]

    let inside =
        [ (if isInPlate then string p else ""); step ] |> List.filter ((<>) "") |> String.concat ", "

    (if inside = "" then $"x{v}" else $"x{v}[{inside}]"),
    fun steps ->
        let found = at steps

        if found |> List.forall (fun t -> t >= 0 && t < m.Steps) then
            Some [ for t in found -> number v p t ]
        else
            None

/// The answer by trying all ways in which letters may stand for steps; none if the question is none for any.
let private tried (m: Layout) dag (letters: string list) a b (given: (Map<string, int> -> int list option) list) =
    let rec ways letters =
        match letters with
        | [] -> [ Map.empty ]
        | l :: rest ->
            [
                for others: Map<string, int> in ways rest do
                    for t in 0 .. m.Steps - 1 do
                        if not (Seq.contains t others.Values) then
                            others.Add(l, t)
            ]

    let answers =
        ways letters
        |> List.choose (fun steps ->
            match a steps, b steps, given |> List.map (fun z -> z steps) with
            | Some va, Some vb, vz when List.forall Option.isSome vz ->
                let vz = vz |> List.collect Option.get |> List.distinct
                let count = (va @ vb @ vz |> List.distinct).Length

                if count < va.Length + vb.Length + vz.Length then
                    None
                else
                    Some(separatedByMoralGraph dag va vb vz)
            | _ -> None)

    if answers.IsEmpty then None else Some(List.forall id answers)

/// Asks so many random questions of long chains: how many were answered, and how many by yes.
let private asked count (stepsOf: Random -> int) (letters: string list) =
    let answered, independent = ref 0, ref 0

    holds count (fun random ->
        let m = { layout random with Steps = stepsOf random }
        let number, dag = unrolled m
        let some () = named random m number letters
        let (a, va), (b, vb), given = some (), some (), [ for _ in 1 .. random.Next 4 -> some () ]
        // letters that the question does not have stand for nothing
        let used =
            letters
            |> List.filter (fun l -> a :: b :: List.map fst given |> List.exists (fun n -> n.Contains l))

        match tried m dag used va vb (List.map snd given) with
        | None -> true
        | Some expected ->
            answered.Value <- answered.Value + 1

            if expected then
                independent.Value <- independent.Value + 1

            let graph = ModelGraph.ofProgram "long" (programOfLayout m)
            graph.Independent(a, b, List.map fst given).IsIndependent = expected)

    answered.Value, independent.Value

[<Fact>]
let ``Long chains answer as the graph with all their steps does, for steps by number and by letter`` () =
    for letters, count, most in [ [ "t" ], 3000, 30; [ "s"; "t" ], 500, 17 ] do
        let answered, independent = asked count (fun random -> random.Next(10, most)) letters
        Assert.True(answered > count / 4 && independent > count / 40, $"{independent} of {answered} were independent.")

[<Fact>]
let ``A trail along a long chain is shown at its steps`` () =
    let chain =
        prob {
            let! walk =
                L.Markov(
                    "t",
                    5000,
                    L.Fill 0.0,
                    fun x ->
                        prob {
                            let! next = L.Sample("x", L.Normal(x, 1.0))
                            do! L.Observe("y", L.Normal(next, 1.0), L.Fill 0.0)
                            return next
                        }
                )

            return walk.Final
        }

    let graph = ModelGraph.ofProgram "walk" chain
    let separated = graph.Independent("x[s]", "x[r]", [ "x[t]" ])
    Assert.False separated.IsIndependent
    Assert.True(graph.Independent("x[t+1]", "x[t-1]", [ "x[t]" ]).IsIndependent)
    Assert.True(graph.Independent("x[0]", "y[s]", [ "x[s]"; "x[t]" ]).IsIndependent)
    let trail = graph.Independent("x[2000]", "x[last-2995]", [ "y" ])
    Assert.Equal<string>([| "t/x[2000]"; "t/x[2001]"; "t/x[2002]"; "t/x[2003]"; "t/x[2004]" |], trail.Path)
    Assert.True(graph.Independent("x[2000]", "x[last-2995]", [ "x[2003]" ]).IsIndependent)

[<Fact>]
let ``What repeats every third step does so in a chain of thousands`` () =
    let turning =
        L.Markov(
            "t",
            5000,
            struct (L.Fill 0.0, L.Fill 0.0, L.Fill 0.0),
            fun struct (a, b, c) ->
                prob {
                    let! a' = L.Sample("a", L.Normal(b, 1.0))
                    let! b' = L.Sample("b", L.Normal(c, 1.0))
                    let! c' = L.Sample("c", L.Normal(a, 1.0))
                    return struct (a', b', c')
                }
        )

    let graph = ModelGraph.ofProgram "turning" turning

    for first, second, expected in
        [
            "a[10]", "a[4000]", false
            "a[10]", "a[4001]", true
            "a[10]", "b[4001]", true
            "a[10]", "b[4002]", false
            "a[10]", "c[4001]", false
            "a[t]", "a[t+9]", false
            "a[t]", "a[t+10]", true
        ] do
        Assert.Equal(expected, graph.Independent(first, second).IsIndependent)
