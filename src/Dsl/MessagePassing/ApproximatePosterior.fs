namespace Inference

open System
open System.Collections.Generic

/// The marginal of a site: an exponential family's parameters, with plates as leading axes.
[<Sealed>]
type ApproximateMarginal internal (path: string, family: string, mean: Tensor, variance: Tensor, parameters: (string * Tensor) list) =
    member _.Site = path
    /// Gaussian, Truncated Gaussian, Gamma, Beta, Dirichlet or Categorical.
    member _.Family = family
    member _.Mean: Tensor = mean
    member _.Variance: Tensor = variance
    member _.StandardDeviation: Tensor = Build.unary UnaryOp.Sqrt variance
    /// The family's parameters in order: mean and variance; shape and rate; alpha and beta; concentration; probabilities.
    member _.Parameters: IReadOnlyList<string> = ResizeArray(List.map fst parameters)

    /// A parameter by its name.
    member _.Parameter(name: string) : Tensor =
        match parameters |> List.tryFind (fun (n, _) -> n = name) with
        | Some(_, x) -> x
        | None ->
            let known = parameters |> List.map (fun (n, _) -> $"\"{n}\"") |> String.concat ", "
            Fail.model $"The marginal of \"{path}\" has no parameter \"{name}\"." $"A {family} has {known}."

/// Updates of a factor's messages that were put off, because one would have been improper.
[<Sealed>]
type ImproperUpdates internal (factor: string, sites: string list, count: Tensor) =
    /// The site whose density the factor is, or "factor 1" and so on.
    member _.Factor = factor
    /// The sites that it reads.
    member _.Sites: IReadOnlyList<string> = ResizeArray sites
    /// The number of sweeps in which an update was put off, over the factor's plates as leading axes.
    member _.Count: Tensor = count

/// What messages between the factors and sites of a program say once they have converged. What it returns are tensors of a program: compiled, and
/// differentiable where the updates are. What the program observes, or a condition on it gives, is the evidence.
[<Sealed>]
type ApproximatePosterior internal (method': MessageMethod, graph: FactorGraph, found: Converged) =
    let stack (indices: FreeIndex list) (x: Tensor) = List.foldBack Structure.stack indices x

    let find path =
        match graph.Variables |> List.tryFind (fun v -> v.Path = path) with
        | Some v -> v
        | None ->
            let known = graph.Variables |> List.map (fun v -> $"\"{v.Path}\"") |> String.concat ", "

            Fail.model
                $"There is no latent site \"{path}\"."
                (if known = "" then
                     "The model has none."
                 else
                     $"The model's latent sites are {known}.")

    /// An answer, which a checked engine gives only if the evidence is possible, with the site or factor named that is not.
    let possible (x: Tensor) =
        let check (x: Tensor) (c: Contribution) =
            let ok = Build.unary UnaryOp.Not (VariationalEnergies.isImpossible c.Amount)

            let spec =
                {
                    Site = c.Name
                    Requirement = "to be possible: its probability is 0"
                    Location = c.Location
                }

            Build.node (Op.Check spec) [| x; Build.fill x.Shape ok |] x.Shape x.DType

        found.Contributions |> List.fold check x

    /// The same, and only if no update was put off in the last sweep, with the factor named.
    let proper (x: Tensor) =
        let check (x: Tensor) (f: FactorNode, count: Tensor) =
            let none = less (Factors.total f.Plates count) (number count 0.5)

            let spec =
                {
                    Site = f.Name
                    Requirement = "messages that are proper: updates were put off, as their cavity is no density"
                    Location = f.Location
                }

            Build.node (Op.Check spec) [| x; Build.fill x.Shape none |] x.Shape x.DType

        found.PutOff |> List.fold check (possible x)

    let overSweeps (x: Tensor) =
        match found.Index with
        | Some i -> Structure.stack i x
        | None -> Build.fill [| 1 |] x

    /// The approximate log-evidence in nats: EP's estimate, which is no bound; VMP's ELBO, which is never above it. Exact where `IsExact`.
    member _.LogEvidence: Tensor = proper found.LogEvidence

    /// The same after each sweep [Sweeps]; once messages have converged it stays.
    member _.LogEvidences: Tensor = overSweeps found.Evidences

    /// How far marginals moved in the last sweep taken: a Gaussian's mean in its standard deviations, other parameters relative to their size.
    member _.Residual: Tensor = found.Residual

    /// The same of each sweep [Sweeps].
    member _.Residuals: Tensor = overSweeps found.Residuals

    /// Sweeps taken until messages converged; 0 where one pass over conjugate factors was enough.
    member _.SweepsTaken: Tensor = found.Sweeps

    /// 1 where the residual is at most the tolerance and no update was put off in the last sweep, else 0.
    member _.Converged: Tensor =
        let settled = atMost found.Residual (number found.Residual method'.Tolerance)
        let whole = less found.PutOffLast (number found.PutOffLast 0.5)
        Build.select (both settled whole) (number found.Residual 1.0) (number found.Residual 0.0)

    /// What was put off, by factor; empty for methods and models in which nothing can be.
    member _.Improper: IReadOnlyList<ImproperUpdates> =
        ResizeArray
            [
                for f, count in found.PutOff do
                    let sites = Factors.reads f |> List.map (fun t -> (Messaging.variableOf graph t).Path) |> List.distinct
                    ImproperUpdates(f.Name, sites, stack f.Plates count)
            ]

    /// The number of updates that were put off, of all factors and sweeps.
    member _.ImproperCount: Tensor =
        found.PutOff
        |> List.map (fun (f, count) -> Factors.total f.Plates count)
        |> List.fold (+) (Build.scalar DType.F32 0.0)

    /// Whether marginals and evidence are those of the model once messages have converged, up to rounding.
    member _.IsExact: bool = fst (MessageText.exactness method' graph)

    /// The paths of the latent sites.
    member _.Sites: IReadOnlyList<string> = ResizeArray [ for v in graph.Variables -> v.Path ]

    /// The marginal of a site.
    member _.Marginal(path: string) : ApproximateMarginal =
        let v = find path
        let natural = found.Naturals[path]

        let given =
            List.map (fun (name, x) -> name, stack v.Indices (proper x)) (ExponentialFamily.parameters v.Family natural)

        let mean, variance = ExponentialFamily.moments v.Family natural
        ApproximateMarginal(path, string v.Family, stack v.Indices (proper mean), stack v.Indices (proper variance), given)

    /// The sites, each factor with its update, and whether the posterior is exact.
    member _.Explain() : string = MessageText.explain method' graph

/// Posteriors by messages between exponential families.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module ApproximatePosterior =
    let private check option (value: double) holds mend =
        if not holds then
            Fail.model $"{option} is {value}." mend

    let private validate (m: MessageMethod) =
        check $"{m.GetType().Name}.Sweeps" (double m.Sweeps) (m.Sweeps >= 1) "Allow at least 1 sweep."
        check $"{m.GetType().Name}.Tolerance" m.Tolerance (m.Tolerance >= 0.0) "Choose it above 0; 0 takes all sweeps."
        check $"{m.GetType().Name}.Damping" m.Damping (m.Damping >= 0.0 && m.Damping < 1.0) "Keep 0 ≤ damping < 1."

    /// The posterior of a program by expectation propagation.
    let propagate (options: ExpectationPropagation) (program: Prob<'T>) : ApproximatePosterior =
        validate options

        check
            "ExpectationPropagation.QuadraturePoints"
            (double options.QuadraturePoints)
            (options.QuadraturePoints >= 2 && options.QuadraturePoints <= 200)
            "Take 2 to 200 points; 40 is usual."

        let graph = FactorGraphs.ofProgram program
        ApproximatePosterior(options, graph, EpSweeps.run options graph)

    /// The posterior of a program by variational message passing.
    let passVariationally (options: VariationalMessagePassing) (program: Prob<'T>) : ApproximatePosterior =
        validate options
        let graph = VariationalSweeps.truncated (FactorGraphs.ofGatedProgram program)
        ApproximatePosterior(options, graph, VariationalSweeps.run options graph)
