namespace Inference

/// Loops that end when something holds, within a number of steps that is known.
[<RequireQualifiedAccess>]
module Iteration =
    let private anywhere (condition: Tensor) =
        if not condition.IsScalar || condition.DType <> DType.Bool then
            Fail.model $"A loop's condition is one Bool; {condition} came." "Reduce it to a scalar: compare a sum or a maximum."

        condition

    /// Takes steps while a condition holds, at most `limit` of them: each value of a plate stops for itself. What is carried keeps its
    /// last value from then on, so derivatives are those of the steps taken; all `limit` steps are computed. Finals, and the number of
    /// steps taken (i32).
    let boundedWhile (limit: int) (start: Tensor[]) (condition: Tensor[] -> Tensor) (step: Tensor[] -> Tensor[]) : Tensor[] * Tensor =
        if limit < 1 then
            Fail.model $"A loop has a limit of {limit} steps." "Allow at least one."

        let index = FreeIndex("while", Extent.Fixed limit, IndexKind.Time)
        let one = Build.scalar DType.I32 1.0

        let finals, _ =
            Structure.scan index (Array.append start [| Build.scalar DType.I32 0.0 |]) (fun carried ->
                let values = Array.take start.Length carried
                let goes = anywhere (condition values)
                let next = step values

                if next.Length <> start.Length then
                    Fail.model $"A loop carries {start.Length} values; its step returned {next.Length}." "Return one for each."

                let kept = Array.map2 (fun (after: Tensor) before -> Build.select goes after before) next values
                let taken = Array.last carried
                Array.append kept [| Build.select goes (taken + one) taken |], ())

        Array.take start.Length finals, Array.last finals

    let private distance (a: Tensor[]) (b: Tensor[]) =
        Array.map2 (fun (x: Tensor) (y: Tensor) -> Structure.max [| 0 .. x.Shape.Length - 1 |] [] (Build.unary UnaryOp.Abs (x - y))) a b
        |> Array.reduce (Build.binary BinaryOp.Max)

    let private noTangent (x: Tensor) = Build.fill x.Shape (Build.scalar x.DType 0.0)

    /// The x with x = f(x, θ), by iterating f until no element moves by more than the tolerance, at most `limit` times. The derivative
    /// is implicit, whatever the path that led to x: ẋ = (∂f/∂x)·ẋ + (∂f/∂θ)·θ̇, by iterating that `limit` times. θ are the arguments;
    /// f must be a contraction around x.
    let fixedPoint
        (limit: int)
        (tolerance: double)
        (start: Tensor[])
        (arguments: Tensor[])
        (f: Tensor[] -> Tensor[] -> Tensor[])
        : Tensor[] =
        let held = arguments |> Array.map Calculus.stopGradient
        let n = start.Length
        let start = start |> Array.map Calculus.stopGradient

        let finals, _ =
            boundedWhile
                limit
                (Array.append start (f start held))
                (fun c -> Build.binary BinaryOp.Less (Build.scalar start[0].DType tolerance) (distance (Array.take n c) (Array.skip n c)))
                (fun c ->
                    let after = Array.skip n c
                    Array.append after (f after held))

        let mutable solution: Tensor[] = null

        // the point itself is held while f moves with its arguments, and the other way round
        let tangent (directions: Tensor[]) =
            let value = f solution arguments
            let still = solution |> Array.map noTangent
            let pushed = Calculus.jvp value (Array.append solution arguments) (Array.append still directions)
            let index = FreeIndex("tangent", Extent.Fixed limit, IndexKind.Time)

            let finals, _ =
                Structure.scan index pushed (fun t -> Array.map2 (+) (Calculus.jvp value solution t) pushed, ())

            finals

        let rule k =
            {
                Name = "fixed point"
                Tangent =
                    fun _ _ tangents ->
                        if Array.forall isNull tangents then
                            null
                        else
                            (tangent (Array.map2 (fun t x -> if isNull t then noTangent x else t) tangents arguments)).[k]
            }

        solution <- finals |> Array.skip n |> Array.mapi (fun k x -> Calculus.withDerivative (rule k) arguments x)
        solution
