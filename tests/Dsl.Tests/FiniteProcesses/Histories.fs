/// Finite processes whose states are hidden, by the enumeration of histories: what beliefs are measured by.
module Inference.Dsl.Tests.FiniteProcesses.Histories

open System
open Inference
open Inference.Dsl.Tests.FiniteProcesses.Trajectories

/// p(s′ | s, a), as [s][s′].
let private moves (mdp: FiniteMdp) action =
    let p = Array2D.zeroCreate<double> mdp.States mdp.States

    for s in 0 .. mdp.States - 1 do
        for k in 0 .. mdp.Successors - 1 do
            let place = (action * mdp.Successors + k) * mdp.States + s
            p[s, mdp.Next[place]] <- p[s, mdp.Next[place]] + mdp.Probability[place]

    p

let private observations (mdp: FiniteMdp) = [ 0 .. mdp.Observations.Length - 1 ]
let private actions (mdp: FiniteMdp) = [ 0 .. mdp.Actions - 1 ]

let private going (mdp: FiniteMdp) =
    [
        for s in 0 .. mdp.States - 1 do
            if not (mdp.EndsAt s) then
                s
    ]

let private seen (mdp: FiniteMdp) o s = mdp.Observation[o * mdp.States + s]

/// The probability of each state together with the history so far, after one more observation of an episode that goes on.
let observed (mdp: FiniteMdp) (weights: double[]) o =
    Array.init mdp.States (fun s -> if mdp.EndsAt s then 0.0 else weights[s] * seen mdp o s)

let after (mdp: FiniteMdp) (weights: double[]) action =
    let p = moves mdp action
    Array.init mdp.States (fun next -> Seq.sum (seq { for s in going mdp -> weights[s] * p[s, next] }))

/// What a policy gives for a history's weights, times their sum, where each action's Q is; `choose` tells V and π from Q.
let rec value (mdp: FiniteMdp) (choose: double[] -> double * double[]) (steps: int) (weights: double[]) : double * double[] =
    let total = Array.sum weights

    if steps = 0 then
        let worth s = if isNull mdp.TerminalValue then 0.0 else mdp.TerminalValue[s]
        Seq.sum (seq { for s in going mdp -> weights[s] * worth s }), [||]
    else
        let quality a =
            let now = Seq.sum (seq { for s in going mdp -> weights[s] * mdp.Reward[a * mdp.States + s] })
            let next = after mdp weights a

            let later =
                observations mdp
                |> List.sumBy (fun o ->
                    let w = observed mdp next o
                    if Array.sum w = 0.0 then 0.0 else fst (value mdp choose (steps - 1) w))

            (now + mdp.Discount * later) / total

        let v, policy = choose (actions mdp |> List.map quality |> Array.ofList)
        total * v, policy

let private prior (mdp: FiniteMdp) a = mdp.PriorOf(0, a)

let soft (mdp: FiniteMdp) alpha (q: double[]) =
    let weights = q |> Array.mapi (fun a x -> prior mdp a * exp (x / alpha))
    let total = Array.sum weights
    alpha * log total, weights |> Array.map (fun w -> w / total)

let boltzmann (mdp: FiniteMdp) alpha (q: double[]) =
    let _, policy = soft mdp alpha q
    Array.sum (Array.map2 (*) policy q), policy

let hard (q: double[]) =
    let best = Array.max q
    let among = q |> Array.map (fun x -> if x = best then 1.0 else 0.0)
    best, among |> Array.map (fun x -> x / Array.sum among)

/// Before the first observation: the sum over it.
let valueAtStart (mdp: FiniteMdp) choose steps =
    observations mdp
    |> List.sumBy (fun o ->
        let w = observed mdp mdp.Start o
        if Array.sum w = 0.0 then 0.0 else fst (value mdp choose steps w))

/// log of Σ over whole trajectories from a state by an action: p(actions)·p(trajectory)·exp(R/α), times the action's own prior.
let evidence (mdp: FiniteMdp) alpha steps state action =
    ofSteps mdp steps state
    |> List.filter (fun t -> not t.Actions.IsEmpty && t.Actions.Head = action)
    |> List.sumBy (fun t -> weight (fun _ _ a -> prior mdp a) t * t.Probability * exp (t.Return / alpha))

/// The values of all plans of so many steps, at each state: a plan is an action, and for each observation a plan. Undiscounted values of policies
/// without a memory of the belief: no Bayes' rule is in it.
let rec plans (mdp: FiniteMdp) steps : double[] list =
    if steps = 0 then
        [ Array.init mdp.States (fun s -> if isNull mdp.TerminalValue then 0.0 else mdp.TerminalValue[s]) ]
    else
        let later = plans mdp (steps - 1)

        let rec assign (rest: int list) : double[] list list =
            match rest with
            | [] -> [ [] ]
            | _ :: more ->
                [
                    for tail in assign more do
                        for first in later -> first :: tail
                ]

        [
            for a in actions mdp do
                let p = moves mdp a

                for follow in assign (observations mdp) do
                    Array.init mdp.States (fun s ->
                        mdp.Reward[a * mdp.States + s]
                        + mdp.Discount
                          * Seq.sum (
                              seq {
                                  for next in going mdp do
                                      for o, plan in List.indexed follow -> p[s, next] * seen mdp o next * plan[next]
                              }
                          ))
        ]

/// A random process with hidden states: fewer observations than states, one prior for all states.
let randomHidden (seed: int) states actions successors observations discount : FiniteMdp =
    let random' = Random(seed + 1000)

    let draw count =
        Array.init count (fun _ -> 0.05 + random'.NextDouble())
        |> fun x -> x |> Array.map (fun v -> v / Array.sum x)

    let prior = draw actions
    let rows = Array.init states (fun _ -> draw observations)

    random seed states actions successors discount
    |> FiniteMdp.withPrior (Array.init (actions * states) (fun k -> prior[k / states]))
    |> FiniteMdp.observing (Array2D.init states observations (fun s o -> rows[s][o]))
