namespace Inference

/// Programs whose draws are Gaussian, as functions of standard normals: each draw is mean + L·ε.
[<RequireQualifiedAccess>]
module internal GaussianDraws =
    /// Mean and L of a Gaussian, L a vector where elements are independent.
    let private moments (d: Distribution) : (Tensor * Tensor) option =
        match d with
        | :? Normal as n -> Some(n.Location, n.StandardDeviation)
        | :? DiagonalNormal as n -> Some(n.Location, exp (0.5 * n.LogVariance))
        | :? MultivariateNormal as n -> Some(n.Location, n.LowerFactor)
        | _ -> None

    let private isPoint (d: Distribution) =
        match d.Support with
        | Support.Point -> true
        | Support.Real
        | Support.Positive
        | Support.UnitInterval
        | Support.Interval _
        | Support.Simplex
        | Support.Integers _
        | Support.Binary
        | Support.OneHot -> false

    let private size (d: Distribution) (indices: FreeIndex list) = indices |> List.fold (fun n i -> n * i.Capacity) (Build.size d.Shape)

    /// How many standard normals a program's draws take together. Refuses a draw that is not Gaussian.
    let count (part: string) (name: string) (program: Prob<'T>) : int =
        let _, trace = Prob.trace (fun _ d -> d.Typical) program

        trace.Sites
        |> Seq.filter (fun s -> not (isPoint s.Distribution))
        |> Seq.sumBy (fun s ->
            if (moments s.Distribution).IsNone then
                Fail.at
                    s.Location
                    $"The {part} of \"{name}\" draws \"{s.Path}\" from a {s.Distribution.Name}, which is not Gaussian."
                    "Draw from Normal, DiagonalNormal or MultivariateNormal, or plan by sampling: Plan(new Mppi(), engine)."

            size s.Distribution (s.Plates @ s.Times))

    /// The program's result as a function of a vector of standard normals, draw after draw; and what was traced.
    let apply (normals: Tensor) (program: Prob<'T>) : 'T * Trace =
        let mutable taken = 0

        let draw (r: SiteRequest) =
            match moments r.Distribution with
            | Some(mean, factor) ->
                let indices = r.Plates @ r.Times
                let count = size r.Distribution indices
                let own = Shapes.part 0 taken (taken + count) normals
                taken <- taken + count
                let shape = Array.append [| for i in indices -> i.Capacity |] r.Distribution.Shape
                let laid = Shapes.reshape shape own |> Build.convert r.Distribution.DType
                let e = List.fold (fun x i -> Structure.unstack i x) laid indices

                if factor.Shape.Length = mean.Shape.Length then
                    mean + factor * e
                else
                    mean + Structure.dot Semiring.SumProduct [| 1 |] [| 0 |] [] factor e
            | None -> r.Distribution.Typical

        let trace = Trace()
        program.Run(ProbContext.At(Choose draw, trace, [], [])), trace

    /// Of each Gaussian site what is finite where all numbers of its standard deviation, or of its covariance's factor, are.
    let spreads (trace: Trace) : (string * Tensor) list =
        [
            for site in trace.Sites do
                match moments site.Distribution with
                | None -> ()
                | Some(_, factor) ->
                    let axes = [| 0 .. factor.Shape.Length - 1 |]
                    site.Path, Structure.sum axes (List.ofArray factor.Indices) factor |> Build.convert DType.F64
        ]

    /// Refuses a draw whose mean is not affine in the variables, or whose covariance is not constant.
    let requireLinear (part: string) (name: string) (variables: (string * Tensor)[]) (trace: Trace) : unit =
        for site in trace.Sites do
            match moments site.Distribution with
            | None -> ()
            | Some(mean, factor) ->
                for what, value, allowed in [ "mean is not affine", mean, 1; "covariance is not constant", factor, 0 ] do
                    Degrees.tryExceed allowed (Array.map snd variables) value
                    |> Option.iter (fun term ->
                        Fail.at
                            site.Location
                            $"The {part} of \"{name}\" is not linear-Gaussian: the site \"{site.Path}\" has a {site.Distribution.Name} whose {what}; it takes {Degrees.describe variables term}."
                            "Solve around a trajectory, new IterativeLqr { Horizon = … }, or plan by sampling: Plan(new Mppi(), engine).")
