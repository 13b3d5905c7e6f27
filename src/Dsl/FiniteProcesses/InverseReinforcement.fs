namespace Inference

open System

/// A search for a reward that explains demonstrations, closed to a program: one run, one step of its weights.
type RewardProgram =
    {
        /// Inputs: the tables but the reward; features [F, A, S]; expert [F]; start [S]. States: weights [F], those of the optimiser. Outputs: objective
        /// and gap [F], the expert's features minus the model's, both before the step.
        Program: Program
        Features: int
        Steps: int
    }

/// Maximum-entropy inverse reinforcement learning. The reward is linear in features, r(s, a) = θ·φ(s, a). Demonstrations have the features
/// f = mean of Σ γᵗ φ(sₜ, aₜ), t = 0 … T−1; a policy that has the same and leaves the prior no more than it must is the soft-optimal one
/// for the θ that maximises
///
///     L(θ) = θ·f − E[V_θ(s₀)] − λ‖θ‖²/2,        ∂L/∂θ = f − E[Σ γᵗ φ(sₜ, aₜ)] − λθ,
///
/// V_θ the soft value of T steps: it is concave, and its gradient is the expert's features minus those of the model's own occupancy, so that no
/// message is passed by hand (Ziebart, "Modeling purposeful adaptive behavior with the principle of maximum causal entropy", 2010,
/// chapter 6; for deterministic dynamics, Ziebart et al., 2008). λ is the precision of a Normal prior on θ.
[<RequireQualifiedAccess>]
module InverseReinforcement =
    let private largest (x: Tensor) = Structure.max [| 0 |] [] (abs x)

    let derive
        (backup: Backup)
        (shape: TableShape)
        (features: int)
        (steps: int)
        (precision: double)
        (optimizer: Optimizer)
        : RewardProgram =
        match backup.Semantics with
        | PlanningSemantics.Boltzmann ->
            Fail.model
                "Inverse reinforcement learning matches soft-optimal policies; Boltzmann came, whose value has another gradient."
                "Name PlanningSemantics.FixedDynamics or PlanningSemantics.ExactPosterior."
        | _ -> ()

        if features < 1 || steps < 1 then
            Fail.model $"A reward of {features} features over {steps} steps came." "Give at least 1 of each."

        let b = ProgramBuilder "inverse reinforcement learning"
        let t = MessagePrograms.tables b shape

        let phi = MessagePrograms.fromState b shape t.State "features" [| features; shape.Actions |] DType.F32

        let expert = b.Input("expert", [| features |], DType.F32)
        let start = b.Input("start", [| shape.States |], DType.F32)
        let weights = Parameter.create "weights" [| features |] Initializer.Zeros
        let reward = Structure.dot Semiring.SumProduct [| 0 |] [| 0 |] [] weights phi
        let time = FreeIndex("step", Extent.Fixed steps, IndexKind.Time)

        let sweep (value: Tensor) =
            let q = SoftBellman.action backup reward t.Probability (Shapes.gather value t.Next)
            Structure.stack t.State (t.Ended(SoftBellman.state backup t.Prior q))

        let nothing = Build.constantOf DType.F32 [| shape.States |] [| 0.0 |]
        let values, () = Structure.scan time [| nothing |] (fun carried -> [| sweep carried[0] |], ())
        let dot (x: Tensor) y = Structure.dot Semiring.SumProduct [| 0 |] [| 0 |] [] x y
        let likelihood = dot weights expert - dot start values[0]
        let gap = (Calculus.gradient likelihood [| weights |]).[0]
        let objective = likelihood - 0.5 * precision * dot weights weights
        let step = b.State("step", [||], DType.F32, [| 0.0 |])
        let context = OptimizerContext(b, [| weights |], step + 1.0)
        b.Parameters([ weights ], 0UL) |> ignore
        // optimisers go down
        let update = optimizer.Update(context, [| precision * weights - gap |])
        b.Next(weights, weights + update[0])
        b.Next(step, step + 1.0)
        b.Output("objective", objective)
        b.Output("gap", gap)
        b.Output("worst", largest (gap - precision * weights))

        { Program = b.Build(); Features = features; Steps = steps }

    /// Features of a process at every state and action: output features [F, A, S].
    let features (mdp: Mdp<'S, 'A, 'G>) (f: 'S -> 'A -> Tensor) : Program =
        Fail.within mdp.Name (fun () ->
            let pairs = FiniteSpace.require "state" mdp.StateSpace * FiniteSpace.require "action" mdp.ActionSpace
            let b = ProgramBuilder(mdp.Name + " features")

            let plates space =
                FiniteSpace.indices (fun name n -> FreeIndex(name, Extent.Fixed n, IndexKind.Plate)) space

            let states, actions = plates mdp.StateSpace, plates mdp.ActionSpace
            let x = f (FiniteSpace.ofIndices mdp.StateSpace states) (FiniteSpace.ofIndices mdp.ActionSpace actions)

            if x.Shape.Length <> 1 then
                Fail.model $"The features of \"{mdp.Name}\" must be a vector; {Fail.shape x.Shape} came." "Pack them: Pack(first, second)."

            let all = List.foldBack Structure.stack (actions @ states) (Build.convert DType.F32 x)
            let rows = Shapes.reshape [| pairs; x.Shape[0] |] all
            b.Output("features", Shapes.transpose [| 1; 0 |] rows)
            b.Build())
