namespace Inference

/// Settings of path-integral control.
type MppiSettings =
    {
        Samples: int
        Horizon: int
        Noise: Noise
        /// Draws of the dynamics' noise for each action sequence; 1 where the step is deterministic.
        Rollouts: int
        /// Fresh rollouts that estimate the new plan's ELBO.
        ElboSamples: int
    }

    static member Default =
        {
            Samples = 1024
            Horizon = 50
            Noise = Noise.Of [| 1.0 |]
            Rollouts = 1
            ElboSamples = 64
        }

/// Weights of samples by their evidence, and what they say.
type Weighing =
    {
        /// exp(score − shift), zero where a score is not finite: weights before they are normalised.
        Weights: Tensor
        Total: Tensor
        /// log of the mean of exp(score).
        LogMean: Tensor
        EffectiveSamples: Tensor
    }

/// Path-integral control as inference (Williams et al., "Information theoretic MPC", ICRA 2017; Levine 2018, arXiv:1805.00909):
/// importance weighting and moment matching of the trajectory posterior onto an open-loop Gaussian.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Mppi =
    let private zero = Build.scalar DType.F32 0.0

    /// Softmax weights of scores over indices, safe when some or all scores are not finite.
    let weigh (over: FreeIndex list) (score: Tensor) : Weighing =
        let known = Language.Select(Language.IsFinite score, score, Build.scalar DType.F32 -infinity)
        let largest = Structure.max [||] over known
        let shift = Language.Select(Language.IsFinite largest, largest, zero)
        let weights = exp (known - shift)
        let total = Structure.sum [||] over weights
        let count = over |> List.map (fun i -> Build.convert DType.F32 (Structure.extent i)) |> List.reduce (*)

        {
            Weights = weights
            Total = total
            LogMean = shift + log (total / count)
            EffectiveSamples =
                Language.Select(Language.Less(zero, total), total * total / Structure.sum [||] over (weights * weights), zero)
        }

    /// Σ w·x / Σ w, or `otherwise` if every weight is zero.
    let weightedMean (over: FreeIndex list) (w: Weighing) (otherwise: 'A) (x: 'A) : 'A =
        let mean (x: Tensor) (old: Tensor) =
            let sum = Structure.dot Semiring.SumProduct [||] [||] over w.Weights x
            Language.Select(Language.Less(zero, w.Total), sum / w.Total, old)

        Array.map2 mean (Record.toTensors x) (Record.toTensors otherwise) |> Record.ofTensors<'A>

    /// KL(N(m′, σ²) ‖ N(m, σ²)) of whole plans = Σ (m′ − m)²/2σ².
    let private divergence (p: Planning<'S, 'A, 'G>) noise (mean: 'A) =
        Array.map3
            (fun (next: Tensor) (old: Tensor) s -> Language.Sum(0.5 * Language.Square((next - old) / s)))
            (Record.toTensors mean)
            (Record.toTensors p.Mean)
            (Planner.deviations noise p.Optimal.Mdp.ActionSpace p.Time)
        |> Array.reduce (+)
        |> Structure.sum [||] [ p.Time ]

    /// Returns of one plate of action sequences: sampled around a mean, clipped, followed.
    let private rollouts (name: string) (count: int) (rolloutDraws: int) (p: Planning<'S, 'A, 'G>) (mean: 'A) noise =
        Prob.plate
            (Language.PlateIndex(name, count))
            (prob {
                let! actions = Planner.sampleActions "actions" p mean noise
                let dynamics = Language.PlateIndex("dynamics", rolloutDraws)

                let! outcome =
                    Prob.plate dynamics (Trajectory.follow p.Optimal.Mdp p.Time p.Now p.Settings p.State actions)

                return actions, outcome
            })

    let private validate (s: MppiSettings) semantics =
        if semantics = PlanningSemantics.Boltzmann then
            Fail.model
                "Mppi plans open-loop, under fixed dynamics or the exact posterior; Boltzmann came."
                "Name one of them: PlanningSemantics.FixedDynamics or PlanningSemantics.ExactPosterior."

        for option, value, mend in
            [
                "Samples", s.Samples, "Draw at least 1 action sequence; 1024 is usual."
                "Horizon", s.Horizon, "Plan at least 1 step."
                "Rollouts", s.Rollouts, "Average the return over at least 1 draw of the dynamics' noise."
                "ElboSamples", s.ElboSamples, "Estimate the ELBO from at least 1 rollout."
            ] do
            if value < 1 then
                Fail.model $"Mppi.{option} is {value}." mend

    // The derivation, beside its equations.
    let plan (s: MppiSettings) (o: Optimal<'S, 'A, 'G>) : PlannerProgram =
        Fail.within o.Mdp.Name (fun () -> validate s o.Semantics)
        let draws = if o.Mdp.IsStochastic then s.Rollouts else 1

        Planner.define "mppi" s.Horizon o (fun p ->
            prob {
                // u⁽ᵏ⁾ ~ N(mean, σ²), clipped;  R⁽ᵏ⁾ = Σ γᵗ r + terminal value
                let! samples = rollouts "rollout" s.Samples draws p p.Mean s.Noise
                let actions, outcome = samples.Value

                // fixed dynamics: R averaged over noise;  exact posterior: each draw weighed by itself
                let returns, over =
                    match o.Semantics with
                    | PlanningSemantics.ExactPosterior -> outcome.Value.Return, [ samples.Index; outcome.Index ]
                    | _ -> Language.MeanOver(outcome.Index, outcome.Value.Return), [ samples.Index ]

                // w⁽ᵏ⁾ ∝ exp(R⁽ᵏ⁾/α);  mean′ = Σ w⁽ᵏ⁾ u⁽ᵏ⁾
                let w = weigh over (returns / o.Temperature)
                let mean = weightedMean over w p.Mean actions

                // ELBO of the new plan: E[R]/α − KL(N(mean′, σ²) ‖ N(mean, σ²)), by fresh rollouts
                let! fresh = rollouts "elbo" s.ElboSamples draws p mean s.Noise

                let expected =
                    Language.MeanOver(fresh.Index, Language.MeanOver((snd fresh.Value).Index, (snd fresh.Value).Value.Return))

                let finite =
                    Structure.reduce ReduceOp.Min [||] [ outcome.Index; samples.Index ] outcome.Value.FiniteSteps

                let bad = Language.Select(Language.IsFinite returns, zero, Language.Ones())

                return
                    {
                        Mean = mean
                        Diagnostics =
                            [
                                "effective sample size", w.EffectiveSamples
                                "free energy", -o.Temperature * w.LogMean // −α log mean exp(R/α)
                                "elbo", expected / o.Temperature - divergence p s.Noise mean
                                "non-finite samples", Structure.sum [||] over bad
                                "first non-finite step", finite
                            ]
                    }
            })
