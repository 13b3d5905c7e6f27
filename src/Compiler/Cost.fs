namespace Inference.Compiler

/// A small cost model, in scalar-or-vector operations, for the choice between one thread and many.
[<RequireQualifiedAccess>]
module Cost =
    /// Bounds that are not known are taken to be this many.
    let private unknown = 1000.0
    /// Lanes of a vector, roughly: loops over lanes cost a share of their count.
    let private width = 16.0
    /// Waking workers and waiting for them costs about as much as this many operations.
    let private threads = 8000.0

    let rec statements (body: Statement list) : float = body |> List.sumBy statement

    and private count bound =
        match bound with
        | Bound.Fixed n -> float n
        | Bound.Extent _
        | Bound.Computed _ -> unknown

    and private lanes bound = max 1.0 (count bound / width)

    and private statement (s: Statement) : float =
        match s with
        | Let _
        | Load _
        | Store _
        | Assign _
        | Update _ -> 1.0
        | Declare _
        | Read _
        | ReadExtent _ -> 0.2
        | Philox _ -> 120.0
        | When(_, body) -> statements body
        | TransposeBlock t -> float (t.Rows * t.Columns) / 4.0
        | Statement.Loop loop ->
            let times =
                if loop.Variable.Kind = LoopKind.Lane then
                    lanes loop.To
                else
                    count loop.To - float loop.From

            max 1.0 times * statements loop.Body
        | ReduceLanes r ->
            let times = r.Around |> List.fold (fun n loop -> n * count loop.To) (lanes r.Count)
            times * (statements r.LaneBody + float r.Terms.Length) + 30.0

    let isWorthThreads work = work >= threads
