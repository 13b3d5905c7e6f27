namespace Inference

open System

/// A process near a point, by the calculus of the language.
[<RequireQualifiedAccess>]
module Linearisation =
    /// A value that stays a value of its own, where constants would be merged into what is computed from them and lose their derivatives.
    let private held (numbers: double[]) = -(Build.constantOf DType.F32 [| numbers.Length |] (numbers |> Array.map (~-)))

    let private require (name: string) what (space: Space) (numbers: double[]) =
        if numbers.Length <> space.Count then
            Fail.model
                $"\"{name}\" is linearised at {numbers.Length} numbers of the {what}; {space.Name} has {space.Count}."
                "Give each number, field after field."

        if not (Array.forall Double.IsFinite numbers) then
            Fail.model $"\"{name}\" is linearised at a {what} that is not finite." "Give finite numbers."

    let private unbounded (space: Space) =
        { space with
            Leaves =
                space.Leaves
                |> Array.map (fun l -> { l with Low = Double.NegativeInfinity; High = Double.PositiveInfinity })
        }

    /// f(x₀) + f′(x₀)·(x − x₀)
    let private affine (f: Tensor -> Tensor) (at: Tensor) (x: Tensor) : Tensor =
        let y = f at
        y + (Calculus.jvp [| y |] [| at |] [| x - at |])[0]

    /// f(x₀) + f′(x₀)·d + ½·dᵀ·f″(x₀)·d with d = x − x₀, of a scalar f.
    let private quadratic (f: Tensor -> Tensor) (at: Tensor) (x: Tensor) : Tensor =
        let y, d = f at, x - at
        let gradient = (Calculus.gradient y [| at |])[0]
        let bent = (Calculus.jvp [| gradient |] [| at |] [| d |])[0]
        y + Structure.sum [| 0 |] [] (gradient * d) + 0.5 * Structure.sum [| 0 |] [] (d * bent)

    /// The process with its step to first and its rewards to second order around a state and an action, its noise that of the point, and its actions
    /// without limits: linear-quadratic, whatever the process is. States and actions are those of the process, not deviations.
    let about (state: double[]) (action: double[]) (mdp: Mdp<'S, 'A, 'G>) : Mdp<'S, 'A, 'G> =
        Fail.within mdp.Name (fun () ->
            Recognition.requireContinuous "state" mdp.StateSpace
            Recognition.requireContinuous "action" mdp.ActionSpace
            require mdp.Name "state" mdp.StateSpace state
            require mdp.Name "action" mdp.ActionSpace action
            let n, m = mdp.StateSpace.Count, mdp.ActionSpace.Count

            let flat s a =
                Shapes.concat 0 [| Flat.ofRecord mdp.StateSpace s; Flat.ofRecord mdp.ActionSpace a |]

            let stateOf x = Flat.toRecord<'S> mdp.StateSpace (Shapes.part 0 0 n x)
            let actionOf x = Flat.toRecord<'A> mdp.ActionSpace (Shapes.part 0 n (n + m) x)

            let transition s a g time =
                let step x = Mdp.stepOf mdp (stateOf x) (actionOf x) g time
                let noises = GaussianDraws.count "step" mdp.Name (step (flat s a))
                let at = held (Array.concat [ state; action; Array.zeroCreate noises ])

                let next x =
                    GaussianDraws.apply (Shapes.part 0 (n + m) (n + m + noises) x) (step x)
                    |> fst
                    |> Flat.ofRecord mdp.StateSpace

                let near x = affine next at x |> Flat.toRecord<'S> mdp.StateSpace

                if noises = 0 then
                    Prob.result (near (flat s a))
                else
                    let zeros = Build.constantOf DType.F32 [| noises |] [| 0.0 |]

                    Prob.sampleAt "noise" (Normal(zeros, Build.scalar DType.F32 1.0)) Location.unknown
                    |> Prob.map (fun e -> near (Shapes.concat 0 [| flat s a; e |]))

            let reward s a g time =
                let at = held (Array.append state action)

                quadratic
                    (fun x -> (Mdp.part mdp "Reward" mdp.Reward) (stateOf x) (actionOf x) g time |> Build.convert DType.F32)
                    at
                    (flat s a)

            { mdp with
                Transition = Some(Transition.Stochastic transition)
                Reward = Some reward
                TerminalValue =
                    mdp.TerminalValue
                    |> Option.map (fun value ->
                        fun s g ->
                            quadratic
                                (fun x -> value (Flat.toRecord<'S> mdp.StateSpace x) g |> Build.convert DType.F32)
                                (held state)
                                (Flat.ofRecord mdp.StateSpace s))
                ActionSpace = unbounded mdp.ActionSpace
            })
