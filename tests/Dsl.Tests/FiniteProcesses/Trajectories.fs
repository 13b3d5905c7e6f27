/// Finite processes by the enumeration of whole trajectories: what exact messages are measured by.
module Inference.Dsl.Tests.FiniteProcesses.Trajectories

open System
open Inference

/// What may happen from a state on. A discount is the probability of going on, so that episodes are cut off at any step.
type Trajectory =
    {
        /// The states in which the episode still goes on, or has just ended.
        States: int list
        Actions: int list
        /// Of the dynamics, given the actions.
        Probability: double
        Return: double
    }

/// All trajectories of so many steps.
let rec ofSteps (mdp: FiniteMdp) (steps: int) (state: int) : Trajectory list =
    let stop value = { States = [ state ]; Actions = []; Probability = 1.0; Return = value }

    if mdp.EndsAt state then
        [ stop 0.0 ]
    elif steps = 0 then
        [ stop (if isNull mdp.TerminalValue then 0.0 else mdp.TerminalValue[state]) ]
    else
        [
            for a in 0 .. mdp.Actions - 1 do
                let r = mdp.Reward[a * mdp.States + state]

                if mdp.Discount < 1.0 then
                    {
                        States = [ state ]
                        Actions = [ a ]
                        Probability = 1.0 - mdp.Discount
                        Return = r
                    }

                for k in 0 .. mdp.Successors - 1 do
                    let place = (a * mdp.Successors + k) * mdp.States + state

                    if mdp.Probability[place] > 0.0 then
                        for rest in ofSteps mdp (steps - 1) mdp.Next[place] do
                            {
                                States = state :: rest.States
                                Actions = a :: rest.Actions
                                Probability = mdp.Discount * mdp.Probability[place] * rest.Probability
                                Return = r + rest.Return
                            }
        ]

/// The product of the probabilities that a policy gives to the actions: from time, state and action.
let weight (policy: int -> int -> int -> double) (t: Trajectory) =
    Seq.zip t.States t.Actions |> Seq.mapi (fun time (s, a) -> policy time s a) |> Seq.fold (*) 1.0

let private draw (random: Random) count = Array.init count (fun _ -> 0.05 + random.NextDouble())

let private normalised (x: double[]) = x |> Array.map (fun v -> v / Array.sum x)

/// A random process of so many states, actions and successors, with a prior policy, ends, terminal values and a start. State 0 is no end.
let random (seed: int) states actions successors discount : FiniteMdp =
    let random = Random seed
    let pick () = random.Next states
    // distinct successors, so that each row has as many
    let rows =
        Array.init states (fun _ ->
            Array.init actions (fun _ ->
                let first = pick ()
                Array.init successors (fun k -> (first + k) % states), normalised (draw random successors)))

    let prior = Array.init states (fun _ -> normalised (draw random actions))

    // one action in one state is forbidden
    if actions > 1 then
        prior[pick ()] <- normalised (Array.init actions (fun a -> if a = 0 then 0.0 else 1.0))

    FiniteMdp.ofSuccessors
        "random"
        (Array3D.init states actions successors (fun s a k -> (fst (rows[s][a])).[k]))
        (Array3D.init states actions successors (fun s a k -> (snd (rows[s][a])).[k]))
        (Array2D.init states actions (fun _ _ -> 2.0 * random.NextDouble() - 1.2))
        discount
    |> FiniteMdp.withPrior (Array.init (actions * states) (fun k -> prior[k % states][k / states]))
    |> FiniteMdp.terminating (Array.init states (fun s -> s > 0 && random.Next 4 = 0))
    |> FiniteMdp.terminalValue (Array.init states (fun _ -> random.NextDouble()))
    |> FiniteMdp.startingFrom (normalised (draw random states))
