/// What to adjust for, against the effects of interventions computed from whole joint distributions.
module Inference.Dsl.Tests.Graphs.AdjustmentTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.Graphs.RandomModels
open Inference.Dsl.Tests.Graphs.FiniteModels
open Xunit

let rec private subsets (items: int list) =
    match items with
    | [] -> [ [] ]
    | v :: rest -> subsets rest |> List.collect (fun s -> [ s; v :: s ])

/// Whether adjusting for a set gives the effect of x on y, for random tables.
let private gives (dag: Dag) (tables: float[][]) x y (set': int list) =
    let p = joint dag tables

    [ 0; 1 ]
    |> List.forall (fun value -> abs (adjusted p x value y set' - effect dag tables x value y) < 1e-12)

[<Fact>]
let ``The set gives the effect of the intervention, and no smaller one does, in random finite models`` () =
    let found, none = ref 0, ref 0

    holds 1500 (fun random ->
        let dag = dag random (random.Next(2, 7)) (0.3 + 0.4 * random.NextDouble())
        let tables = tables random dag
        let x, y, _ = question random dag.Length

        let others =
            [
                for v in 0 .. dag.Length - 1 do
                    if v <> x && v <> y then
                        v
            ]

        let hidden = others |> List.filter (fun _ -> random.Next 3 = 0)
        let seen = List.except hidden others
        let graph = ModelGraph.ofProgram "random" (programOf dag)
        let answer = graph.Adjustment($"x{x}", $"x{y}", [ for v in hidden -> $"x{v}" ])
        let set' = [ for s in answer.Sites -> int (s.Substring 1) ]
        let counter = if answer.Exists then found else none
        counter.Value <- counter.Value + 1

        if answer.Exists then
            (set' |> List.forall (fun v -> List.contains v seen))
            && gives dag tables x y set'
            && subsets seen |> List.forall (fun s -> s.Length >= set'.Length || not (gives dag tables x y s))
        else
            subsets seen |> List.forall (gives dag tables x y >> not))

    Assert.True(found.Value > 500 && none.Value > 50, $"{found.Value} had a set, {none.Value} none.")

let private normal mean = L.Normal(mean, L.Fill 1.0)

/// A confounder of each unit and one of all, beside what lies between cause and effect.
let private units =
    prob {
        let! c = L.Sample("culture", normal (L.Fill 0.0))

        let! _ =
            Prob.plate
                (L.PlateIndex("unit", 30))
                (prob {
                    let! a = L.Sample("age", normal (L.Fill 0.0))
                    let! t = L.Sample("treatment", normal (a + c))
                    let! m = L.Sample("dose", normal t)
                    let! o = L.Sample("outcome", normal (m + a + c))
                    return! L.Sample("report", normal (o + t))
                })

        return ()
    }

[<Fact>]
let ``A set in plates names its sites, whole or at the values of the question`` () =
    let graph = ModelGraph.ofProgram "units" units
    let whole = graph.Adjustment("treatment", "outcome")
    Assert.Equal<string>([ "culture"; "unit/age" ], whole.Sites)
    Assert.Equal("Adjusting for culture, unit/age gives the effect of treatment on outcome; no smaller set does.", whole.Explanation)
    Assert.Equal<string>([ "culture"; "unit/age[i]" ], graph.Adjustment("treatment[i]", "outcome[i]").Sites)
    Assert.Equal<string>([], graph.Adjustment("culture", "outcome").Sites)
    let hidden = graph.Adjustment("treatment", "outcome", [ "age" ])
    Assert.False hidden.Exists
    Assert.Equal("No set to adjust for gives the effect of treatment on outcome without age.", hidden.Explanation)

[<Fact>]
let ``One variable of all is fewer than one of each unit`` () =
    // the way from c to the outcome goes through one summary, and from it to each unit
    let model =
        prob {
            let! c = L.Sample("c", normal (L.Fill 0.0))
            let! s = L.Sample("s", normal c)

            let plate = L.PlateIndex("unit", 3)
            let! each = Prob.plate plate (L.Sample("u", normal s))
            let! x = L.Sample("x", normal c)
            return! L.Sample("y", normal (x + L.SumOver(plate, each.Value)))
        }

    let graph = ModelGraph.ofProgram "summary" model
    Assert.Contains(Assert.Single(graph.Adjustment("x", "y").Sites), [ "c"; "s" ])
    Assert.Equal<string>([ "unit/u" ], graph.Adjustment("x", "y", [ "c"; "s" ]).Sites)

[<Fact>]
let ``Along a chain the past is adjusted for as far as it leads to cause and effect`` () =
    let model =
        Prob.markov (L.TimeIndex("t", 6)) (L.Fill 0.0) (fun s ->
            prob {
                let! a = L.Sample("action", normal s)
                let! s = L.Sample("state", normal (s + a))
                return s, ()
            })

    let graph = ModelGraph.ofProgram "process" model
    Assert.Equal<string>([ "t/state[2]" ], graph.Adjustment("action[3]", "state[5]").Sites)
    Assert.False(graph.Adjustment("action[3]", "state[5]", [ "state" ]).Exists)

[<Fact>]
let ``A chain's own sums are not adjusted for, but what they are sums of`` () =
    let model =
        Prob.markov (L.TimeIndex("t", 4)) (L.Fill 0.0) (fun total ->
            prob {
                let! u = L.Sample("u", normal (L.Fill 0.0))
                let! x = L.Sample("x", normal total)
                let! _ = L.Sample("y", normal (x + total))
                return total + u, ()
            })

    let graph = ModelGraph.ofProgram "sums" model
    Assert.Equal<string>([ "t/u[0]"; "t/u[1]" ], graph.Adjustment("x[2]", "y[2]").Sites)

[<Fact>]
let ``What cannot be adjusted for is said`` () =
    let graph = ModelGraph.ofProgram "units" units
    refuses "\"treatment\" and \"unit/treatment\" share a variable." (fun () -> graph.Adjustment("treatment", "unit/treatment"))

    let weighed =
        prob {
            let! x = L.Sample("x", normal (L.Fill 0.0))
            let! _ = L.Sample("y", normal x)
            do! Prob.factor x
        }

    let graph = ModelGraph.ofProgram "weighed" weighed

    refuses "The graph has a factor, \"factor\": a run that is weighed is selected, and adjusting does not undo that." (fun () ->
        graph.Adjustment("x", "y"))
