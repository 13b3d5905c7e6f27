namespace Inference

/// What came of a sequence of actions.
type Outcome<'S> =
    {
        /// What counts of the rewards, so that the log-evidence of optimality is it over α: Σ γᵗ·r(sₜ, aₜ) + γᵀ·terminal value; under the exact posterior
        /// α·log E[exp(sum of rewards/α)], γ being the probability of going on. NaN or infinite if any reward or state was.
        Return: Tensor
        /// How many steps went by before the first value that is not finite.
        FiniteSteps: Tensor
        Final: 'S
    }

/// The trajectory of a process under given actions.
[<RequireQualifiedAccess>]
module Trajectory =
    /// γᵗ at each step of an index.
    let private discounts gamma (time: FreeIndex) =
        Structure.unstack time (Build.constantOf DType.F32 [| time.Capacity |] (Array.init time.Capacity (fun t -> gamma ** double t)))

    /// The same value, or NaN if some number of the record is NaN or infinite.
    let private poisoned (state: 'S) (value: Tensor) =
        Record.toTensors state
        |> Array.filter (fun x -> x.DType.IsFloat)
        |> Array.fold (fun sum x -> sum + 0.0 * Structure.sum [| 0 .. x.Shape.Length - 1 |] [] x) value

    /// α·log E[exp(R/α)] over the step that is the episode's last, of R after each step and at the plan's end: an episode is cut off after step t with
    /// probability (1 − γ)·γᵗ, and goes on through the plan with γᵀ.
    let private overCutOffs (alpha: double) gamma (time: FreeIndex) (afterEach: Tensor) (whole: Tensor) =
        let odds t = log (1.0 - gamma) + double t * log gamma

        let cutOff =
            Structure.unstack time (Build.constantOf DType.F32 [| time.Capacity |] (Array.init time.Capacity odds))
            + afterEach / alpha
            |> Structure.logSumExp [||] [ time ]

        let goesOn = whole / alpha + double time.Capacity * log gamma
        let top = Language.Max(cutOff, goesOn)
        // an infinite loss at a later step stays one
        alpha * (top + log (exp (cutOff - top) + exp (goesOn - top))) + 0.0 * whole

    /// Steps a process from a state through actions that are free in `time`; `now` is the time of the first step. The reward of the
    /// step that ends an episode counts; later ones and the terminal value do not, nor does any from a state that has ended it before.
    let follow (o: Optimal<'S, 'A, 'G>) (time: FreeIndex) (now: Tensor) (settings: 'G) (state: 'S) (actions: 'A) : Prob<Outcome<'S>> =
        let mdp = o.Mdp
        let reward = Mdp.part mdp "Reward" mdp.Reward
        let zero = Build.scalar DType.F32 0.0
        let clock = now + Build.convert DType.F32 (Structure.position time)
        let mayBeCutOff = o.Semantics = PlanningSemantics.ExactPosterior && mdp.Discount < 1.0
        let discount = if mayBeCutOff then 1.0 else mdp.Discount
        let weight = if discount = 1.0 then id else fun r -> r * discounts discount time

        let begun =
            match mdp.Termination with
            | Some test -> Language.Not(test state settings)
            | None -> Build.scalar DType.Bool 1.0

        let counted alive r = if mdp.Termination.IsSome then Build.select alive r zero else r

        prob {
            let! (final, total, alive), (finite, afterEach) =
                Prob.markov time (state, zero, begun) (fun (s, total, alive) ->
                    prob {
                        let r = weight (reward s actions settings clock)
                        let! next = Mdp.stepOf mdp s actions settings clock
                        let total = total + counted alive (poisoned next r)

                        let alive =
                            match mdp.Termination with
                            | Some test -> Language.And(alive, Language.Not(test next settings))
                            | None -> alive

                        let finite =
                            Build.select (Language.IsFinite total) (Build.scalar DType.I32 1.0) (Build.scalar DType.I32 0.0)

                        return (next, total, alive), (finite, total)
                    })

            let last =
                match mdp.TerminalValue with
                | Some value -> counted alive (discount ** double time.Capacity * value final settings)
                | None -> zero

            let whole = total + last

            return
                {
                    Return =
                        if mayBeCutOff then
                            overCutOffs o.Temperature mdp.Discount time afterEach whole
                        else
                            whole
                    FiniteSteps = Structure.sum [||] [ time ] finite
                    Final = final
                }
        }

    /// log p(O = 1 | trajectory), up to a constant: the return over the temperature.
    let logEvidence (o: Optimal<'S, 'A, 'G>) time now settings state actions : Prob<Tensor> =
        follow o time now settings state actions |> Prob.map (fun outcome -> outcome.Return / o.Temperature)
