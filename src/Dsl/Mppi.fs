namespace Inference

/// A prior over actions at each step, before they are held to their limits: N(mean, deviation²). Both are in the actions' own units: one number for
/// all, one for each number of an action, or one for each step and number.
type NormalPrior = { Mean: double[]; Deviation: Noise }

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
        /// The prior that plans are inferred under; none: the Gaussian that is drawn from, around the last plan.
        Prior: NormalPrior option
    }

    static member Default =
        {
            Samples = 1024
            Horizon = 50
            Noise = Noise.Of [| 1.0 |]
            Rollouts = 1
            ElboSamples = 64
            Prior = None
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

    /// The prior's means and deviations of each field: those of the last plan unless another is given.
    let private priorOf (s: MppiSettings) (p: Planning<'S, 'A, 'G>) =
        let space = p.Optimal.Mdp.ActionSpace

        match s.Prior with
        | Some prior ->
            Planner.fields "prior's mean" prior.Mean space p.Time, Planner.fields "prior's deviation" prior.Deviation.Values space p.Time
        | None -> Record.toTensors p.Mean, Planner.deviations s.Noise space p.Time

    /// Σ over a plan's steps and numbers.
    let private whole (p: Planning<'S, 'A, 'G>) (terms: Tensor[]) =
        terms |> Array.map Language.Sum |> Array.reduce (+) |> Structure.sum [||] [ p.Time ]

    /// log p(u)/q(u) of a plan drawn from q = N(m, σ²) under the prior p = N(μ, s²). Both are of actions before they are held to their limits, which are
    /// held alike.
    let private logRatio (s: MppiSettings) (p: Planning<'S, 'A, 'G>) (drawn: 'A) =
        let means, deviations = priorOf s p
        let own = Planner.deviations s.Noise p.Optimal.Mdp.ActionSpace p.Time
        let old = Record.toTensors p.Mean

        Record.toTensors drawn
        |> Array.mapi (fun k u ->
            0.5 * Language.Square((u - old[k]) / own[k]) - 0.5 * Language.Square((u - means[k]) / deviations[k])
            + log (own[k] / deviations[k]))
        |> whole p

    /// KL(N(m′, σ²) ‖ N(μ, s²)) of whole plans; Σ (m′ − m)²/2σ² where the prior is the last plan's.
    let private divergence (s: MppiSettings) (p: Planning<'S, 'A, 'G>) (mean: 'A) =
        let means, deviations = priorOf s p
        let own = Planner.deviations s.Noise p.Optimal.Mdp.ActionSpace p.Time

        Record.toTensors mean
        |> Array.mapi (fun k next ->
            let moved = 0.5 * Language.Square((next - means[k]) / deviations[k])

            if s.Prior.IsNone then
                moved
            else
                let ratio = own[k] / deviations[k]
                moved + (0.5 * (Language.Square ratio - 1.0) - log ratio))
        |> whole p

    /// Returns of one plate of action sequences: sampled around a mean, clipped, followed; as drawn, as clipped, and what came of them.
    let private rollouts (name: string) (count: int) (rolloutDraws: int) (p: Planning<'S, 'A, 'G>) (mean: 'A) noise =
        Prob.plate
            (Language.PlateIndex(name, count))
            (prob {
                let! drawn = Planner.drawActions "actions" p mean noise
                let actions = Flat.clip p.Optimal.Mdp.ActionSpace drawn
                let dynamics = Language.PlateIndex("dynamics", rolloutDraws)
                let! outcome = Prob.plate dynamics (Trajectory.follow p.Optimal p.Time p.Now p.Settings p.State actions)
                return drawn, actions, outcome
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
                let drawn, actions, outcome = samples.Value

                // fixed dynamics: R averaged over noise;  exact posterior: each draw weighed by itself
                let returns, over =
                    match o.Semantics with
                    | PlanningSemantics.ExactPosterior -> outcome.Value.Return, [ samples.Index; outcome.Index ]
                    | _ -> Language.MeanOver(outcome.Index, outcome.Value.Return), [ samples.Index ]

                // w⁽ᵏ⁾ ∝ exp(R⁽ᵏ⁾/α), times p(u⁽ᵏ⁾)/N(u⁽ᵏ⁾; mean, σ²) under another prior;  mean′ = Σ w⁽ᵏ⁾ u⁽ᵏ⁾
                let score = returns / o.Temperature
                let w = weigh over (if s.Prior.IsSome then score + logRatio s p drawn else score)
                let mean = weightedMean over w p.Mean actions

                // ELBO of the new plan: E[R]/α − KL(N(mean′, σ²) ‖ prior), by fresh rollouts
                let! fresh = rollouts "elbo" s.ElboSamples draws p mean s.Noise
                let _, _, again = fresh.Value
                let expected = Language.MeanOver(fresh.Index, Language.MeanOver(again.Index, again.Value.Return))

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
                                "elbo", expected / o.Temperature - divergence s p mean
                                "non-finite samples", Structure.sum [||] over bad
                                "first non-finite step", finite
                            ]
                    }
            })
