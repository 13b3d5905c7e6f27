namespace Inference

open System

/// A Markov decision process of finitely many states and actions as numbers. Tables are laid out as sweeps read them: states last.
type FiniteMdp =
    {
        Name: string
        States: int
        Actions: int
        /// The most states that may follow a state and an action.
        Successors: int
        /// [actions, successors, states]: the states that may follow.
        Next: int[]
        /// [actions, successors, states]: how probable each is; 0 where there are fewer.
        Probability: double[]
        /// [actions, states]
        Reward: double[]
        /// [actions, states]: the prior policy p(a | s); null where it is uniform.
        Prior: double[]
        /// [states]: whether a state ends the episode; null where none does.
        Ends: bool[]
        /// [states]: what the state in which a plan of finite horizon ends is worth; null for nothing.
        TerminalValue: double[]
        /// [states]: how probable it is that an episode starts there; null where that is not known.
        Start: double[]
        /// [observations, states]: p(o | s), how probable each observation is in a state; null where the state is seen.
        Observation: double[]
        /// The numbers of each observation; null where the state is seen.
        Observations: double[][]
        Discount: double
        StateSpace: Space
        ActionSpace: Space
    }

    member mdp.EndsAt state = not (isNull mdp.Ends) && mdp.Ends[state]

    /// p(a | s)
    member mdp.PriorOf(state, action) =
        if isNull mdp.Prior then
            1.0 / double mdp.Actions
        else
            mdp.Prior[action * mdp.States + state]

    /// A state in words.
    member mdp.State(state: int) = FiniteSpace.label mdp.StateSpace state
    /// An action in words.
    member mdp.Action(action: int) = FiniteSpace.label mdp.ActionSpace action

/// A finite process whose optimality at each step has p(O = 1 | s, a) ∝ exp(r(s, a)/α).
type FiniteOptimal =
    {
        Mdp: FiniteMdp
        /// α
        Temperature: double
        Semantics: PlanningSemantics
    }
