namespace Inference

/// What came of a sequence of actions.
type Outcome<'S> =
    {
        /// Σ γᵗ·r(sₜ, aₜ) + γᵀ·terminal value. NaN or infinite if any reward or state was.
        Return: Tensor
        /// How many steps went by before the first value that is not finite.
        FiniteSteps: Tensor
        Final: 'S
    }

/// The trajectory of an MDP under given actions.
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

    /// Steps an MDP from a state through actions that are free in `time`; `now` is the time of the first step. The reward of the
    /// step that ends an episode counts; later ones and the terminal value do not, nor does any from a state that has ended it before.
    let follow (mdp: Mdp<'S, 'A, 'G>) (time: FreeIndex) (now: Tensor) (settings: 'G) (state: 'S) (actions: 'A) : Prob<Outcome<'S>> =
        let reward = Mdp.part mdp "Reward" mdp.Reward
        let zero = Build.scalar DType.F32 0.0
        let clock = now + Build.convert DType.F32 (Structure.position time)
        let weight = if mdp.Discount = 1.0 then id else fun r -> r * discounts mdp.Discount time

        let begun =
            match mdp.Termination with
            | Some test -> Language.Not(test state settings)
            | None -> Build.scalar DType.Bool 1.0

        let counted alive r = if mdp.Termination.IsSome then Build.select alive r zero else r

        prob {
            let! (final, total, alive), finite =
                Prob.markov time (state, zero, begun) (fun (s, total, alive) ->
                    prob {
                        let r = weight (reward s actions settings clock)
                        let! next = Mdp.stepOf mdp s actions settings clock
                        let total = total + counted alive (poisoned next r)

                        let alive =
                            match mdp.Termination with
                            | Some test -> Language.And(alive, Language.Not(test next settings))
                            | None -> alive

                        return
                            (next, total, alive),
                            Build.select (Language.IsFinite total) (Build.scalar DType.I32 1.0) (Build.scalar DType.I32 0.0)
                    })

            let last =
                match mdp.TerminalValue with
                | Some value -> counted alive (mdp.Discount ** double time.Capacity * value final settings)
                | None -> zero

            return
                {
                    Return = total + last
                    FiniteSteps = Structure.sum [||] [ time ] finite
                    Final = final
                }
        }

    /// log p(O = 1 | trajectory), up to a constant: the return over the temperature.
    let logEvidence (o: Optimal<'S, 'A, 'G>) time now settings state actions : Prob<Tensor> =
        follow o.Mdp time now settings state actions
        |> Prob.map (fun outcome -> outcome.Return / o.Temperature)
