namespace Inference

open System

/// What a step of the backward recursion leaves.
type internal RiccatiStep =
    {
        /// V [n+1, n+1]
        Value: Tensor
        /// a = gain·(s, 1): [m, n+1]
        Gain: Tensor
        /// The policy's covariance, [m, m].
        Covariance: Tensor
        /// α·covariance⁻¹: how much a deviation from the mean action costs, [m, m].
        Curvature: Tensor
        /// Q(s, a) − V(s) at the mean action.
        Peak: Tensor
        /// The diagonal of the Cholesky factor of −∂²Q: NaN from the first that is not positive.
        Pivots: Tensor
        /// All that was maximised over, noise included under the exact posterior: [q, n+1].
        Response: Tensor
    }

/// The soft Bellman equations of a linear-quadratic process, over x = (s, 1). V(s) = ½·xᵀ·V·x, r = ½·zᵀ·R·z with z = (s, 1, a), and
/// x′ = F·(x, u).
///
///     M = R + γ·Fᵀ·V′·F,   Λ = −M_uu,   V = M_xx + M_xu·Λ⁻¹·M_ux + constants
///
/// Fixed dynamics and Boltzmann: u = a, noise adds ½·γ·tr(V′·G·Gᵀ), and π(a | s) = N(Λ⁻¹·M_ux·x, α·Λ⁻¹). Exact posterior: noise is inferred
/// beside the action, u = (a, ε), with its own log-density as a reward, −½·α·ε²; π is the posterior's marginal of a. That is the risk-seeking
/// Riccati equation (Jacobson, "Optimal stochastic linear systems with exponential performance criteria", 1973; Whittle, 1981). On unbounded
/// actions the prior is Lebesgue measure: an entropy bonus (Levine 2018, section 2.4).
///
///     fixed dynamics      V gains ½·α·(m·log 2πα − log det Λ)
///     exact posterior     V gains ½·α·(m·log 2π + (m + k)·log α − log det Λ)
///     Boltzmann           V gains −½·α·m, what the policy's own spread costs
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Riccati =
    let private number (x: double) = Build.scalar DType.F64 x

    /// The process as the recursion sees it: what it maximises over, and by how much noise moves the value.
    type private Problem =
        {
            Dynamics: Tensor
            Reward: Tensor
            /// G [n+1, k], whose noise is not chosen; null where there is none.
            Noise: Tensor
            Chosen: int
        }

    let private problem (semantics: PlanningSemantics) (shape: LinearQuadraticShape) (alpha: Tensor) (dynamics: Tensor) (reward: Tensor) =
        let n, m, k = shape.Extended, shape.Actions, shape.Noises

        if semantics = PlanningSemantics.ExactPosterior && k > 0 then
            let cost = Build.fill [| k; k |] alpha * Matrices.constant k k (fun i j -> if i = j then -1.0 else 0.0)

            let padded =
                Shapes.pad [| 0; 0 |] [| k; k |] (number 0.0) reward
                + Shapes.pad [| n + m; n + m |] [| 0; 0 |] (number 0.0) cost

            { Dynamics = dynamics; Reward = padded; Noise = null; Chosen = m + k }
        else
            {
                Dynamics = Matrices.block (0, n) (0, n + m) dynamics
                Reward = reward
                Noise = if k = 0 then null else Matrices.block (0, n) (n + m, n + m + k) dynamics
                Chosen = m
            }

    /// What the integral over actions adds to V.
    let private bonus semantics (shape: LinearQuadraticShape) (p: Problem) (alpha: Tensor) (pivots: Tensor) =
        let m = double shape.Actions

        match semantics with
        | PlanningSemantics.Boltzmann -> -0.5 * m * alpha
        | _ ->
            let logDeterminant = 2.0 * Structure.sum [| 0 |] [] (log pivots)

            0.5 * alpha * (m * Math.Log(2.0 * Math.PI) + double p.Chosen * log alpha - logDeterminant)

    /// How high Q is at the mean action, above V.
    let internal peak semantics m (alpha: Tensor) (covariance: Tensor) =
        match semantics with
        | PlanningSemantics.Boltzmann -> 0.5 * double m * alpha
        | _ ->
            let half = Structure.sum [| 0 |] [] (log (Matrices.diagonal (Factorisations.cholesky covariance)))
            -alpha * (0.5 * double m * Math.Log(2.0 * Math.PI) + half)

    /// How much a deviation from the mean action costs a policy of a covariance.
    let internal curvatureOf (alpha: Tensor) (covariance: Tensor) =
        alpha * Matrices.solve (Factorisations.cholesky covariance) (Matrices.identity covariance.Shape[0])

    /// V of a step from that of the next.
    let internal step semantics (shape: LinearQuadraticShape) (alpha: Tensor) (gamma: Tensor) dynamics reward (next: Tensor) : RiccatiStep =
        let n, m = shape.Extended, shape.Actions
        let p = problem semantics shape alpha dynamics reward
        let q = p.Chosen
        let whole = p.Reward + gamma * Matrices.congruent next p.Dynamics
        let curvature = -(Matrices.block (n, n + q) (n, n + q) whole)
        let l = Factorisations.cholesky curvature
        let pivots = Matrices.diagonal l
        let across = Matrices.block (n, n + q) (0, n) whole
        let response = Matrices.solve l across

        let luck =
            if isNull p.Noise then
                number 0.0
            else
                0.5 * gamma * Structure.sum [| 0; 1 |] [] (p.Noise * Matrices.product next p.Noise)

        let value =
            Matrices.block (0, n) (0, n) whole
            + Matrices.productOfTransposed across response
            + Matrices.atCorner n (2.0 * (luck + bonus semantics shape p alpha pivots))

        let spread = Matrices.solve l (Matrices.identity q) |> Matrices.block (0, m) (0, m)
        let covariance = alpha * Matrices.symmetric spread

        {
            Value = Matrices.symmetric value
            Gain = Matrices.block (0, m) (0, n) response
            Covariance = covariance
            Curvature = curvatureOf alpha covariance
            Peak = peak semantics m alpha covariance
            Pivots = pivots
            Response = response
        }

    /// The process's numbers as inputs, seen from a step.
    let private inputs (b: ProgramBuilder) (shape: LinearQuadraticShape) (index: FreeIndex) =
        let n, m, k = shape.Extended, shape.Actions, shape.Noises

        let input name rows columns =
            if shape.Horizon = 0 then
                b.Input(name, [| rows; columns |], DType.F64)
            else
                Structure.unstack index (b.Input(name, [| shape.Horizon; rows; columns |], DType.F64))

        let dynamics = input "dynamics" n (n + m + k)
        let reward = input "reward" (n + m) (n + m)
        dynamics, reward, b.Input("temperature", [||], DType.F64), b.Input("discount", [||], DType.F64)

    /// Steps of one run over an infinite horizon.
    let internal stride = 64

    /// Steps from the last to the first. Inputs: dynamics, reward, temperature, discount. State: value [n+1, n+1], of the state after the last
    /// step. Outputs, a row a step: values, gains, covariances, curvatures, peaks, pivots. Over an infinite horizon a run takes 64 steps, the value's
    /// constant is that of one step, and what the solution needs is further: residual, by how much the last step changed V's other numbers; largest
    /// of these numbers; response.
    let derive semantics (shape: LinearQuadraticShape) : Program =
        let b = ProgramBuilder "Riccati"
        let n = shape.Extended
        let steps = if shape.Horizon = 0 then stride else shape.Horizon
        let index = FreeIndex("step", Extent.Fixed steps, IndexKind.Time)
        let dynamics, reward, alpha, gamma = inputs b shape index
        let value = b.State("value", [| n; n |], DType.F64, [| 0.0 |])
        let endless = shape.Horizon = 0

        let finals, each =
            Structure.scanIn true index [| value |] (fun carried ->
                let next = if endless then Matrices.withoutCorner carried[0] else carried[0]
                let s = step semantics shape alpha gamma dynamics reward next
                [| s.Value |], s)

        let over name x = b.Output(name, Structure.stack index x)
        over "values" each.Value
        over "gains" each.Gain
        over "covariances" each.Covariance
        over "curvatures" each.Curvature
        over "peaks" each.Peak
        over "pivots" each.Pivots

        if endless then
            let values = Structure.stack index (Matrices.withoutCorner each.Value)
            let at k = Shapes.at 0 k values
            let largest x = Structure.max [| 0; 1 |] [] (abs x)
            b.Output("residual", largest (at 0 - at 1))
            b.Output("largest", largest (at 0))
            b.Output("response", Shapes.at 0 0 (Structure.stack index each.Response))
            b.Next(value, finals[0])

        b.Build()

    /// How often a closed loop is squared: after 2⁵⁰ steps what a stable one started from is gone.
    let private doublings = 50

    /// V of a policy that never changes, by doubling (Smith, 1968): X ← X + Aᵀ·X·A, A ← A². Inputs: dynamics, reward, temperature, discount and
    /// response. Output: value [n+1, n+1], not finite where the closed loop is not stable and that shows in the reward.
    let policyValue semantics (shape: LinearQuadraticShape) : Program =
        let b = ProgramBuilder "value of a linear policy"
        let n = shape.Extended
        let index = FreeIndex("doubling", Extent.Fixed doublings, IndexKind.Time)
        let dynamics, reward, alpha, gamma = inputs b shape index
        let p = problem semantics shape alpha dynamics reward
        let response = b.Input("response", [| p.Chosen; n |], DType.F64)
        let all = Matrices.below [ Matrices.identity n; response ]

        let finals, _ =
            Structure.scan
                index
                [|
                    Matrices.congruent p.Reward all
                    Build.unary UnaryOp.Sqrt gamma * Matrices.product p.Dynamics all
                |]
                (fun c -> [| c[0] + Matrices.congruent c[0] c[1]; Matrices.product c[1] c[1] |], ())

        b.Output("value", finals[0])
        b.Build()

    /// Looks a state up. Inputs: state [n], action [m], value, gain, curvature, peak. Outputs: best, the mean action; valueOf, V(s); quality, Q(s, a).
    let decide (shape: LinearQuadraticShape) : Program =
        let b = ProgramBuilder "linear-quadratic decision"
        let n, m = shape.Extended, shape.Actions
        let input name sizes = b.Input(name, sizes, DType.F64)

        let x =
            Shapes.concat 0 [| input "state" [| shape.States |]; Build.constantOf DType.F64 [| 1 |] [| 1.0 |] |]

        let action = input "action" [| m |]
        let times (a: Tensor) (v: Tensor) = Matrices.product a v
        let best = times (input "gain" [| m; n |]) x
        let form (a: Tensor) (v: Tensor) = 0.5 * Structure.sum [| 0 |] [] (v * times a v)
        let value = form (input "value" [| n; n |]) x
        b.Output("best", best)
        b.Output("valueOf", value)
        b.Output("quality", value + input "peak" [||] - form (input "curvature" [| m; m |]) (action - best))
        b.Build()

    /// The equations in words.
    let text (semantics: PlanningSemantics) (alpha: double) (gamma: double) : string =
        let discount = if gamma = 1.0 then "" else "γ·"

        let name, chosen, constants =
            match semantics with
            | PlanningSemantics.ExactPosterior ->
                "exact posterior: actions and dynamics are inferred together, optimistic under noise",
                "u = (a, ε): the noise ε is inferred too, with the reward −½·α·ε²",
                "½·α·(m·log 2π + (m + k)·log α − log det Λ)"
            | PlanningSemantics.Boltzmann -> "Boltzmann: π by its own expected return", "u = a", "½·γ·tr(V′·G·Gᵀ) − ½·α·m"
            | _ ->
                "fixed dynamics: the family keeps p(s′ | s, a)", "u = a", "½·γ·tr(V′·G·Gᵀ) + ½·α·(m·log 2πα − log det Λ), an entropy bonus"

        String.Join(
            "\n",
            [
                $"{name}; α = {alpha}, γ = {gamma}"
                "  V(s) = ½·xᵀ·V·x with x = (s, 1);  r(s, a) = ½·zᵀ·R·z with z = (x, a);  x′ = F·(x, u)"
                $"  M = R + {discount}Fᵀ·V′·F,  Λ = −M_uu,  V = M_xx + M_xu·Λ⁻¹·M_ux;  {chosen}"
                $"  V's constant gains {constants}"
                "  π(a | s) = N(K·x, α·Λ⁻¹), K = Λ⁻¹·M_ux, the part of a"
                ""
            ]
        )
