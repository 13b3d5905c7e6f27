namespace Inference

open System

/// A traced process as text for people: its spaces, its sites, and what is maximised.
[<RequireQualifiedAccess>]
module ModelText =
    let private limits (l: Leaf) =
        if l.Discrete > 0 then $" of {l.Discrete} values"
        elif l.IsBounded then $" in [{l.Low}, {l.High}]"
        else ""

    let private space (s: Space) =
        let leaf (l: Leaf) = l.Path + (if l.Shape.Length = 0 then "" else Fail.shape l.Shape) + limits l

        if s.Leaves.Length = 0 then
            "nothing"
        else
            s.Leaves |> Array.map leaf |> String.concat ", "

    let private site (s: SiteRecord) =
        let over = (s.Plates @ s.Times) |> List.map (fun i -> $"{i.Name} ({i.Capacity})") |> String.concat " × "
        let place = if s.Location.IsUnknown then "" else $"  at {s.Location}"

        let shape =
            if s.Distribution.Shape.Length = 0 then
                ""
            else
                " " + Fail.shape s.Distribution.Shape

        let relation = if s.IsObserved then "observed under" else "~"

        $"  {s.Path} {relation} {s.Distribution.Name}{shape}"
        + (if over = "" then "" else $" over {over}")
        + place

    let private meaning (o: Optimal<'S, 'A, 'G>) =
        match o.Semantics with
        | PlanningSemantics.ExactPosterior -> "exact posterior: actions and dynamics are inferred together"
        | PlanningSemantics.Boltzmann -> "Boltzmann: actions by their expected return"
        | _ -> "fixed dynamics: q keeps the dynamics and chooses the actions"

    /// What is planned, over which sites, toward which objective.
    let ofTrace (o: Optimal<'S, 'A, 'G>) (horizon: int) (trace: Trace) : string =
        let mdp = o.Mdp

        let terminal =
            match mdp.TerminalValue with
            | None -> ""
            | Some _ when o.Semantics = PlanningSemantics.ExactPosterior && mdp.Discount < 1.0 -> $", and to V(s_{horizon})"
            | Some _ -> $" + γ^{horizon}·V(s_{horizon})"

        let exact = o.Semantics = PlanningSemantics.ExactPosterior
        let stepKind = if mdp.IsStochastic then "stochastic step" else "deterministic step"
        let chosen = if exact && mdp.IsStochastic then "s, a" else "a"

        let r =
            match mdp.Discount with
            | 1.0 -> $"Σₜ r(sₜ, aₜ){terminal}"
            | _ when exact -> $"α·log E[exp((r₀ + r₁ + …)/α)] over episodes that go on with probability γ{terminal}"
            | _ -> $"Σₜ γᵗ·r(sₜ, aₜ){terminal}"

        String.Join(
            "\n",
            [
                yield $"process \"{mdp.Name}\": {stepKind}, discount γ = {mdp.Discount}, temperature α = {o.Temperature}"
                yield $"state: {space mdp.StateSpace}"
                yield $"action: {space mdp.ActionSpace}"
                yield $"settings: {space mdp.SettingsSpace}"
                yield "sites:"
                yield! trace.Sites |> Seq.map site
                yield $"objective ({meaning o}):"
                yield $"  maximise E_q[R]/α − KL(q({chosen}) ‖ p({chosen})),  R = {r},  t = 0 … {horizon - 1}"
                yield ""
            ]
        )
