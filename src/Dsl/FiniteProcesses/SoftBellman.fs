namespace Inference

open System

/// What V, Q and π mean: the equations of an optimal process.
type Backup =
    {
        Semantics: PlanningSemantics
        /// α; 0 for the limit of ever smaller ones, where only the best counts.
        Temperature: double
        /// γ: what a reward is worth a step later, or the probability that the episode goes on.
        Discount: double
    }

/// The equations that messages satisfy at one state, for actions [A] and successors [A, B]. Every number is a value, in units of reward.
///
///     fixed dynamics     Q = r + γ·Σ p(s′)·V(s′)                              V = α·log Σ p(a)·exp(Q/α)       π = p(a)·exp((Q − V)/α)
///     exact posterior    Q = r + α·log(γ·Σ p(s′)·exp(V(s′)/α) + 1 − γ)        V and π as above
///     Boltzmann          Q = r + γ·Σ p(s′)·V(s′)     π ∝ p(a)·exp(Q/α)        V = Σ π·Q
///
/// V(s)/α and Q(s, a)/α are messages from what is to come: log p(O = 1 | s) and log p(O = 1 | s, a), up to a constant for each step
/// (Levine, "Reinforcement learning and control as probabilistic inference", 2018, eqs. 4–8; fixed dynamics: eqs. 16–18).
[<RequireQualifiedAccess>]
module SoftBellman =
    let private restore axis (like: Tensor) x = Structure.restore [| axis |] like.Shape x

    /// x where there is a weight, else another number. Weights that are known, as a uniform prior is, need no test.
    let private where (weights: Tensor) (x: Tensor) (otherwise: double) =
        match Known.numbers weights with
        | Some known when known |> Array.forall (fun w -> w > 0.0) -> x
        | _ -> Build.select (less (number weights 0.0) weights) x (number x otherwise)

    /// The largest of those that have a weight.
    let private best axis (weights: Tensor) (x: Tensor) = Structure.max [| axis |] [] (where weights x Double.NegativeInfinity)

    /// α·log(Σ w·exp(x/α) + w₀·exp(0/α)), for weights that sum to one with w₀. Where the mean is near the largest, as it is at large α, the
    /// logarithm is taken of 1 + Σ w·(exp(·) − 1), so that no digits are lost.
    let softMean (alpha: double) axis (weights: Tensor) (rest: double) (x: Tensor) : Tensor =
        let top = best axis weights x
        let top = if rest > 0.0 then larger top (number x 0.0) else top

        if alpha = 0.0 then
            top
        else
            let t = where weights ((x - restore axis x top) / alpha) 0.0
            let sum terms = Structure.sum [| axis |] [] (weights * terms)
            let missing, present = sum (Build.unary UnaryOp.Expm1 t), sum (exp t)
            let last = -top / alpha
            let missing = if rest > 0.0 then missing + rest * Build.unary UnaryOp.Expm1 last else missing
            let present = if rest > 0.0 then present + rest * exp last else present
            let near = less (number x -0.5) missing
            // the branch that is not taken must not make a NaN
            let log1 = Build.unary UnaryOp.Log1p (Build.select near missing (number x 0.0))
            top + alpha * Build.select near log1 (log present)

    /// Q of each action: what it earns now and what its successors are worth.
    let action (b: Backup) (reward: Tensor) (probability: Tensor) (values: Tensor) : Tensor =
        match b.Semantics with
        | PlanningSemantics.ExactPosterior when b.Discount = 1.0 -> reward + softMean b.Temperature 1 probability 0.0 values
        | PlanningSemantics.ExactPosterior -> reward + softMean b.Temperature 1 (b.Discount * probability) (1.0 - b.Discount) values
        | _ ->
            let expected = Structure.sum [| 1 |] [] (probability * values)
            reward + (if b.Discount = 1.0 then expected else b.Discount * expected)

    /// How near the largest value another must be to count as equal, relative to their size: rounding parts what is equal.
    let private tie = 1e-5

    /// π(a | s) ∝ p(a)·exp(Q/α); in the limit α → 0 the best actions share by their prior.
    let policy (b: Backup) (prior: Tensor) (q: Tensor) : Tensor =
        let top = best 0 prior q |> restore 0 q

        let weights =
            if b.Temperature = 0.0 then
                let margin = tie * larger (number q 1.0) (abs top)
                where prior (Build.select (atMost (top - margin) q) prior (number prior 0.0)) 0.0
            else
                where prior (prior * exp ((q - top) / b.Temperature)) 0.0

        weights / restore 0 q (Structure.sum [| 0 |] [] weights)

    /// V of the state.
    let state (b: Backup) (prior: Tensor) (q: Tensor) : Tensor =
        match b.Semantics with
        | PlanningSemantics.Boltzmann -> Structure.sum [| 0 |] [] (policy b prior q * q)
        | _ -> softMean b.Temperature 0 prior 0.0 q

    /// What leaving the prior costs, α·log(π(a | s)/p(a | s)) = Q − V, which as a difference loses no digits at large α. None under Boltzmann, nor in
    /// the limit α → 0.
    let cost (b: Backup) (prior: Tensor) (q: Tensor) (value: Tensor) : Tensor =
        let free = b.Temperature = 0.0 || b.Semantics = PlanningSemantics.Boltzmann

        if free then 0.0 * q else where prior (q - restore 0 q value) 0.0

    /// V of the state under a given policy and its cost: what `state` is the best of.
    let evaluate (policy: Tensor) (cost: Tensor) (q: Tensor) : Tensor = Structure.sum [| 0 |] [] (policy * (q - cost))

    /// How probable each successor is when it is known that all goes well: p(s′)·exp(V(s′)/α), normalised together with the episode's being cut
    /// off. Under the other semantics the dynamics stay, and γ is what is left after a step.
    let successors (b: Backup) (probability: Tensor) (values: Tensor) : Tensor =
        let going = if b.Discount = 1.0 then probability else b.Discount * probability

        match b.Semantics with
        | PlanningSemantics.ExactPosterior ->
            let rest = 1.0 - b.Discount
            let top = best 1 probability values
            let top = if rest > 0.0 then larger top (number top 0.0) else top
            let spread = restore 1 values top

            let weights =
                if b.Temperature = 0.0 then
                    where probability (Build.select (atMost spread values) going (number going 0.0)) 0.0
                else
                    where probability (going * exp ((values - spread) / b.Temperature)) 0.0

            let total = Structure.sum [| 1 |] [] weights

            let total =
                if rest = 0.0 then
                    total
                elif b.Temperature = 0.0 then
                    total + Build.select (atMost top (number top 0.0)) (number top rest) (number top 0.0)
                else
                    total + rest * exp (-top / b.Temperature)

            weights / restore 1 values total
        | _ -> going

    /// The equations in words, and which they are.
    let text (b: Backup) : string =
        let gamma = if b.Discount = 1.0 then "" else "γ·"
        let hard = b.Temperature = 0.0

        let q =
            match b.Semantics, b.Discount with
            | PlanningSemantics.ExactPosterior, _ when hard && b.Discount = 1.0 -> "Q(s, a) = r(s, a) + max V(s′) over possible s′"
            | PlanningSemantics.ExactPosterior, _ when hard -> "Q(s, a) = r(s, a) + max(0, max V(s′) over possible s′)"
            | PlanningSemantics.ExactPosterior, 1.0 -> "Q(s, a) = r(s, a) + α·log Σ p(s′ | s, a)·exp(V(s′)/α)"
            | PlanningSemantics.ExactPosterior, _ -> "Q(s, a) = r(s, a) + α·log(γ·Σ p(s′ | s, a)·exp(V(s′)/α) + 1 − γ)"
            | _ -> $"Q(s, a) = r(s, a) + {gamma}Σ p(s′ | s, a)·V(s′)"

        let v, pi =
            match b.Semantics with
            | _ when hard -> "V(s) = max Q(s, a) over actions of the prior", "π(a | s): the best actions, which share by their prior"
            | PlanningSemantics.Boltzmann -> "V(s) = Σ π(a | s)·Q(s, a)", "π(a | s) ∝ p(a | s)·exp(Q(s, a)/α)"
            | _ -> "V(s) = α·log Σ p(a | s)·exp(Q(s, a)/α)", "π(a | s) = p(a | s)·exp((Q(s, a) − V(s))/α)"

        let name =
            match b.Semantics with
            | PlanningSemantics.ExactPosterior -> "exact posterior: actions and dynamics are inferred together, optimistic under noise"
            | PlanningSemantics.Boltzmann -> "Boltzmann: π by its own expected return"
            | _ -> "fixed dynamics: the family keeps p(s′ | s, a)"

        let alpha = if hard then "α → 0" else $"α = {b.Temperature}"
        String.Join("\n", [ $"{name}; {alpha}, γ = {b.Discount}"; $"  {q}"; $"  {v}"; $"  {pi}"; "" ])
