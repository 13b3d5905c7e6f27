namespace Inference

/// How a process may be solved exactly.
[<RequireQualifiedAccess>]
type ExactCase =
    /// Finitely many states and actions: by tables.
    | Finite
    /// By quadratic forms.
    | LinearQuadratic of LinearQuadraticProgram

/// Picks an exact method from a specification.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module ExactCase =
    let private leaves (mdp: Mdp<'S, 'A, 'G>) = Array.append mdp.StateSpace.Leaves mdp.ActionSpace.Leaves

    /// The method of an infinite horizon. Where there is none, the error says for each why.
    let choose (o: Optimal<'S, 'A, 'G>) : ExactCase =
        let mdp = o.Mdp

        match leaves mdp |> Array.tryFind (fun l -> l.Discrete = 0) with
        | None -> ExactCase.Finite
        | Some field ->
            try
                ExactCase.LinearQuadratic(LinearQuadratic.derive 0 o)
            with :? ModelException as why ->
                let problem =
                    $"\"{mdp.Name}\" has no exact solution. It is not finite: the field \"{field.Path}\" is not [Discrete]. It is not linear-quadratic: {why.Problem}"

                raise (
                    ModelException(
                        problem,
                        why.Location,
                        mdp.Name,
                        $"{why.Mend} Approximately: Solve(engine, new IterativeLqr {{ Horizon = … }}), or Plan(new Mppi(), engine)."
                    )
                )
