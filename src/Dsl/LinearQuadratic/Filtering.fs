namespace Inference

/// The belief of a linear-Gaussian process that is seen through observations y ~ N(C·s + d, R): the Kalman filter's covariances and gains, which no
/// observation changes; what not knowing costs; and a controller. Under the exact posterior that belief is p(s | y₁ … y_t, a_<t, O_<t): each reward that
/// was earned counts as an observation, exp(r/α), and the policy is p(a | belief, O_≥t), Whittle's certainty equivalence ("Risk-sensitive
/// linear/quadratic/Gaussian control", 1981) with α for the sensitivity.
[<RequireQualifiedAccess>]
module Filtering =
    let private steps (shape: LinearQuadraticShape) = if shape.Horizon = 0 then Riccati.stride else shape.Horizon

    let private inputOf (b: ProgramBuilder) (shape: LinearQuadraticShape) (index: FreeIndex) name rows columns =
        if shape.Horizon = 0 then
            b.Input(name, [| rows; columns |], DType.F64)
        else
            Structure.unstack index (b.Input(name, [| shape.Horizon; rows; columns |], DType.F64))

    let private isTilted (semantics: PlanningSemantics) = (semantics = PlanningSemantics.ExactPosterior)

    /// The reward of a state and an action of 0, as a form of (s, 1): another action adds to its linear part alone.
    let private ofState (shape: LinearQuadraticShape) (reward: Tensor) = Matrices.block (0, shape.Extended) (0, shape.Extended) reward

    let private dynamicsOf b (shape: LinearQuadraticShape) index =
        let n = shape.Extended
        inputOf b shape index "dynamics" n (n + shape.Actions + shape.Noises)

    /// W: the covariance of what a step adds to the state.
    let private noiseCovariance (shape: LinearQuadraticShape) (dynamics: Tensor) =
        let n, first = shape.States, shape.Extended + shape.Actions

        if shape.Noises = 0 then
            Matrices.constant n n (fun _ _ -> 0.0)
        else
            let g = Matrices.block (0, n) (first, first + shape.Noises) dynamics
            Matrices.productByTransposed g g

    /// One observation: S = C·Σ⁻·Cᵀ + R, L = Σ⁻·Cᵀ·S⁻¹, and Σ in Joseph's form, which stays positive whatever rounding does to L.
    let private update (observing: Tensor) (noise: Tensor) (predicted: Tensor) =
        let across = Matrices.product observing predicted
        let factor = Factorisations.cholesky (Matrices.productByTransposed across observing + noise)
        let gain = Matrices.transposed (Matrices.solve factor across)
        let rest = Matrices.identity predicted.Shape[0] - Matrices.product gain observing

        let after =
            Matrices.congruent predicted (Matrices.transposed rest)
            + Matrices.congruent noise (Matrices.transposed gain)

        gain, after, Matrices.diagonal factor

    /// Steps from the first to the last. Inputs: dynamics, observation [p, n+1], observationNoise [p, p]; under the exact posterior also reward and
    /// temperature. State: predicted [n, n], the covariance before the first observation. Outputs, a row a step: gains [n, p]; covariances [n, n], after
    /// the observation; spreads [n, n], the covariance of the next step's mean given this one's; pivots [p], NaN from the first of S that is not positive;
    /// under the exact posterior earned [n, n], the covariance after the step's reward, and earnedPivots [n], NaN where that has no integral. Over an
    /// infinite horizon a run takes 64 steps, and there are residual, the last change of the covariance, and largest.
    let derive semantics (shape: LinearQuadraticShape) : Program =
        let b = ProgramBuilder "Kalman filter"
        let n, p = shape.States, shape.Observations
        let index = FreeIndex("step", Extent.Fixed(steps shape), IndexKind.Time)
        let dynamics = dynamicsOf b shape index
        let observing = Matrices.block (0, p) (0, n) (b.Input("observation", [| p; n + 1 |], DType.F64))
        let noise = b.Input("observationNoise", [| p; p |], DType.F64)
        let start = b.State("predicted", [| n; n |], DType.F64, [| 0.0 |])

        /// What is believed once a step's reward is known to have been earned.
        let earn =
            if isTilted semantics then
                let reward = inputOf b shape index "reward" (n + 1 + shape.Actions) (n + 1 + shape.Actions)
                Tilting.covariance (b.Input("temperature", [||], DType.F64)) (ofState shape reward)
            else
                fun after -> after, null

        let finals, (gains, covariances, spreads, pivots, earned, earnedPivots) =
            Structure.scan index [| start |] (fun carried ->
                let gain, after, pivots = update observing noise carried[0]
                let earned, earnedPivots = earn after
                let moves = Matrices.block (0, n) (0, n) dynamics

                let ahead = Matrices.congruent earned (Matrices.transposed moves) + noiseCovariance shape dynamics

                [| ahead |], (gain, after, ahead, pivots, earned, earnedPivots))

        let over x = Structure.stack index x
        let predicted, after = over spreads, over covariances
        let count = steps shape

        // what an observation at the next step will tell; the state after the last is not observed
        let next =
            if count = 1 then
                predicted
            else
                Matrices.below
                    [
                        Shapes.part 0 0 (count - 1) predicted - Shapes.part 0 1 count after
                        Shapes.part 0 (count - 1) count predicted
                    ]

        b.Output("gains", over gains)
        b.Output("covariances", after)
        b.Output("spreads", next)
        b.Output("pivots", over pivots)

        if isTilted semantics then
            b.Output("earned", over earned)
            b.Output("earnedPivots", over earnedPivots)

        if shape.Horizon = 0 then
            let at k = Shapes.at 0 k predicted
            b.Output("residual", Structure.max [| 0; 1 |] [] (abs (at (count - 1) - at (count - 2))))
            b.Output("largest", Structure.max [| 0; 1 |] [] (abs (at (count - 1))))

        b.Next(start, finals[0])
        b.Build()

    /// What not knowing the state adds to the value of each step's belief, V(mean) + κ:
    ///
    ///     κ_t = ½·tr(R_ss·Σ_t) + γ·(½·tr(V_{t+1}·(spread_t − W)) + κ_{t+1})
    ///
    /// where V has counted W, all that a step adds, and a belief's mean moves by the spread alone. Inputs: dynamics, reward, discount, values
    /// [n+1, n+1] of the next step, covariances, spreads. Outputs: costs, κ of each step, κ = 0 after the last; over an infinite horizon each, what one
    /// step adds.
    let cost (shape: LinearQuadraticShape) : Program =
        let b = ProgramBuilder "cost of estimation"
        let n, m = shape.States, shape.Actions
        let count = max 1 shape.Horizon
        let index = FreeIndex("step", Extent.Fixed count, IndexKind.Time)
        let input name size = inputOf b shape index name size size
        let dynamics = dynamicsOf b shape index
        let ofState x = Matrices.block (0, n) (0, n) x
        let gamma = b.Input("discount", [||], DType.F64)
        let reward = ofState (input "reward" (n + 1 + m))
        let value = ofState (input "values" (n + 1))
        let knowing = Matrices.traceOfProduct value (input "spreads" n - noiseCovariance shape dynamics)
        let each = 0.5 * Matrices.traceOfProduct reward (input "covariances" n) + 0.5 * gamma * knowing

        if shape.Horizon = 0 then
            b.Output("each", each)
        else
            let _, costs =
                Structure.scanIn true index [| Build.scalar DType.F64 0.0 |] (fun carried ->
                    let now = each + gamma * carried[0]
                    [| now |], now)

            b.Output("costs", Structure.stack index costs)

        b.Build()

    /// What a belief makes of the messages of a state that is seen, under the exact posterior. With P the belief's covariance, P′ = (P⁻¹ − V_ss/α)⁻¹
    /// and J = P′·V_s/α, rewards to come move the mean m to m + J·(m, 1), and
    ///
    ///     K ← K + K_s·J,   Σ ← Σ + K_s·P′·K_sᵀ,   V ← V + V_sᵀ·P′·V_s/α − α·log det(I − P·V_ss/α)
    ///
    /// Inputs, a row a step: values [n+1, n+1], gains [m, n+1], covariances [m, m] and beliefs [n, n]; temperature. Outputs, a row a step: values, gains,
    /// covariances, curvatures, peaks, and pivots [n], NaN where a belief's value is infinite.
    let tilted (shape: LinearQuadraticShape) : Program =
        let b = ProgramBuilder "value of beliefs under the exact posterior"
        let n, m = shape.States, shape.Actions
        let index = FreeIndex("step", Extent.Fixed(max 1 shape.Horizon), IndexKind.Plate)

        let input name rows columns =
            Structure.unstack index (b.Input(name, [| max 1 shape.Horizon; rows; columns |], DType.F64))

        let value, gain = input "values" (n + 1) (n + 1), input "gains" m (n + 1)
        let alpha = b.Input("temperature", [||], DType.F64)
        let spread, pivots = Tilting.covariance alpha value (input "beliefs" n n)
        let shift = Tilting.shift alpha value spread
        let ofMean = Matrices.block (0, m) (0, n) gain
        let ofState = Matrices.block (0, n) (0, n + 1) value
        let logDeterminant = 2.0 * Structure.sum [| 0 |] [] (log pivots)

        let covariance = input "covariances" m m + Matrices.congruent spread (Matrices.transposed ofMean)

        let over name x = b.Output(name, Structure.stack index x)
        let known = value + Matrices.symmetric (Matrices.productOfTransposed ofState shift)
        over "values" (known - Matrices.atCorner (n + 1) (alpha * logDeterminant))
        over "gains" (gain + Matrices.product ofMean shift)
        over "covariances" covariance
        over "curvatures" (Riccati.curvatureOf alpha covariance)
        over "peaks" (Riccati.peak PlanningSemantics.ExactPosterior m alpha covariance)
        over "pivots" pivots
        b.Build()

    /// One step of control from an observation. Inputs: sight [p]; observation, filter [n, p], policy [m, n+1], dynamics of the step; under the exact
    /// posterior earned [n, n], reward of the step and temperature. State: predicted [n], the mean before the observation. Outputs: mean [n], after
    /// it; action [m].
    let controller semantics (shape: LinearQuadraticShape) : Program =
        let b = ProgramBuilder "linear-quadratic-Gaussian controller"
        let n, m, p = shape.States, shape.Actions, shape.Observations
        let one = Build.constantOf DType.F64 [| 1 |] [| 1.0 |]
        let matrix name rows columns = b.Input(name, [| rows; columns |], DType.F64)
        let predicted = b.State("predicted", [| n |], DType.F64, [| 0.0 |])
        let extend x = Shapes.concat 0 [| x; one |]

        let surprise =
            b.Input("sight", [| p |], DType.F64)
            - Matrices.product (matrix "observation" p (n + 1)) (extend predicted)

        let mean = predicted + Matrices.product (matrix "filter" n p) surprise
        let action = Matrices.product (matrix "policy" m (n + 1)) (extend mean)
        let moves = Matrices.block (0, n) (0, n + 1 + m) (matrix "dynamics" (n + 1) (n + 1 + m + shape.Noises))
        let acted (s: Tensor) = Shapes.concat 0 [| extend s; action |]

        let earned =
            if isTilted semantics then
                let slope = Matrices.block (0, n) (0, n + 1 + m) (matrix "reward" (n + 1 + m) (n + 1 + m))
                let pull = Matrices.product (matrix "earned" n n) (Matrices.product slope (acted mean))
                mean + 1.0 / b.Input("temperature", [||], DType.F64) * pull
            else
                mean

        b.Output("mean", mean)
        b.Output("action", action)
        b.Next(predicted, Matrices.product moves (acted earned))
        b.Build()
