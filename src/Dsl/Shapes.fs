namespace Inference

/// Constructors of primitives that rearrange elements.
[<RequireQualifiedAccess>]
module Shapes =
    let private axisOf what (x: Tensor) axis =
        let a = if axis < 0 then axis + x.Shape.Length else axis

        if a < 0 || a >= x.Shape.Length then
            Fail.model $"{what} has no axis {axis} in shape {Fail.shape x.Shape}." "Axes count from 0; −1 is the last."

        a

    let reshape (shape: int[]) (x: Tensor) =
        if shape = x.Shape then
            x
        elif Build.size shape <> x.Count then
            Fail.model
                $"Reshape to {Fail.shape shape} needs {Build.size shape} elements; {Fail.shape x.Shape} has {x.Count}."
                "The number of elements must stay."
        else
            match x.Op with
            | Op.Constant values -> Build.constantOf x.DType shape values
            | _ -> Build.node Op.Reshape [| x |] shape x.DType

    let transpose (permutation: int[]) (x: Tensor) =
        if Array.sort permutation <> [| 0 .. x.Shape.Length - 1 |] then
            Fail.model $"Transpose of shape {Fail.shape x.Shape} needs a permutation of its {x.Shape.Length} axes." "Name each axis once."

        if permutation = [| 0 .. x.Shape.Length - 1 |] then
            x
        else
            Build.node (Op.Transpose permutation) [| x |] (permutation |> Array.map (fun a -> x.Shape[a])) x.DType

    let slice (starts: int[]) (stops: int[]) (steps: int[]) (x: Tensor) =
        if [ starts.Length; stops.Length; steps.Length ] |> List.exists ((<>) x.Shape.Length) then
            Fail.model $"Slice of shape {Fail.shape x.Shape} needs a start, stop and step for each axis." "Give all of them."

        for a in 0 .. x.Shape.Length - 1 do
            if starts[a] < 0 || stops[a] > x.Shape[a] || starts[a] > stops[a] || steps[a] < 1 then
                Fail.model
                    $"Slice {starts[a]}..{stops[a]} by {steps[a]} is outside axis {a} of shape {Fail.shape x.Shape}."
                    "Keep 0 ≤ start ≤ stop ≤ length, step ≥ 1."

        let shape = Array.map3 (fun a b s -> (b - a + s - 1) / s) starts stops steps

        if shape = x.Shape then
            x
        else
            Build.node (Op.Slice(starts, steps)) [| x |] shape x.DType

    /// Elements start … stop−1 along one axis.
    let part axis start stop (x: Tensor) =
        let axis = axisOf "Slice" x axis
        let starts = Array.init x.Shape.Length (fun a -> if a = axis then start else 0)
        let stops = Array.init x.Shape.Length (fun a -> if a = axis then stop else x.Shape[a])
        slice starts stops (Array.create x.Shape.Length 1) x

    /// One element along an axis, which goes.
    let at axis position (x: Tensor) =
        let axis = axisOf "Element" x axis
        part axis position (position + 1) x |> reshape (Array.removeAt axis x.Shape)

    let pad (low: int[]) (high: int[]) (value: Tensor) (x: Tensor) =
        if
            low.Length <> x.Shape.Length
            || high.Length <> x.Shape.Length
            || Array.exists (fun n -> n < 0) (Array.append low high)
        then
            Fail.model $"Pad of shape {Fail.shape x.Shape} needs a low and a high count ≥ 0 for each axis." "Use 0 for an axis that stays."

        let value = Build.literal value x.DType |> Option.defaultValue value

        if not value.IsScalar || value.DType <> x.DType then
            Fail.model $"Pad needs a scalar of type {x.DType} that fills; {value} came." "Give one number for all that is added."

        Build.node (Op.Pad low) [| x; value |] (Array.map3 (fun l n h -> l + n + h) low x.Shape high) x.DType

    let concat axis (parts: Tensor[]) =
        if parts.Length = 0 then
            Fail.model "Concat needs at least one tensor." "Give the parts."

        let axis = axisOf "Concat" parts[0] axis
        let rest (t: Tensor) = Array.removeAt axis t.Shape

        for p in parts do
            if p.DType <> parts[0].DType || p.Shape.Length <> parts[0].Shape.Length || rest p <> rest parts[0] then
                Fail.model
                    $"Concat along axis {axis} needs parts alike but for that axis; {parts[0]} and {p} came."
                    "Reshape or convert the parts."

        if parts.Length = 1 then
            parts[0]
        else
            let shape = Array.copy parts[0].Shape
            shape[axis] <- parts |> Array.sumBy (fun p -> p.Shape[axis])
            Build.node (Op.Concat axis) parts shape parts[0].DType

    let reverse (axes: int[]) (x: Tensor) =
        let axes = axes |> Array.map (axisOf "Reverse" x)
        Build.node (Op.Reverse axes) [| x |] x.Shape x.DType

    let iota count = Build.node Op.Iota [||] [| count |] DType.I32

    /// Scalars and tensors of one shape, set side by side along a new leading axis.
    let pack (parts: Tensor[]) =
        parts |> Array.map (fun p -> reshape (Array.append [| 1 |] p.Shape) p) |> concat 0

    let private wholeNumbers what (t: Tensor) =
        if t.DType <> DType.I32 && t.DType <> DType.U32 then
            Fail.model $"{what} needs whole-number positions; {t.DType} came." "Convert them: Convert(x, DType.I32)."

        Build.convert DType.I32 t

    let gather (table: Tensor) (positions: Tensor) =
        if table.IsScalar then
            Fail.model "Gather needs a table with an axis; a scalar came." "Gather reads rows of the table's first axis."

        let positions = wholeNumbers "Gather" positions
        Build.node Op.Gather [| table; positions |] (Array.append positions.Shape (Array.tail table.Shape)) table.DType

    let scatterAdd (target: Tensor) (positions: Tensor) (updates: Tensor) =
        if target.IsScalar then
            Fail.model "ScatterAdd needs a target with an axis; a scalar came." "ScatterAdd adds to rows of the target's first axis."

        let positions = wholeNumbers "ScatterAdd" positions
        let expected = Array.append positions.Shape (Array.tail target.Shape)

        if updates.Shape <> expected || updates.DType <> target.DType then
            Fail.model
                $"ScatterAdd needs updates of shape {Fail.shape expected} and type {target.DType}; {updates} came."
                "One row for each position."

        Build.node Op.ScatterAdd [| target; positions; updates |] target.Shape target.DType

    let private starts what (x: Tensor) (starts: Tensor[]) =
        if starts.Length <> x.Shape.Length || starts |> Array.exists (fun s -> not s.IsScalar) then
            Fail.model $"{what} of shape {Fail.shape x.Shape} needs a scalar start for each axis." "Use 0 for an axis that is taken whole."

        starts |> Array.map (wholeNumbers what)

    let dynamicSlice (sizes: int[]) (at: Tensor[]) (x: Tensor) =
        if sizes.Length <> x.Shape.Length || Array.exists2 (fun s n -> s < 1 || s > n) sizes x.Shape then
            Fail.model $"DynamicSlice of sizes {Fail.shape sizes} does not fit shape {Fail.shape x.Shape}." "Each size must be 1 … length."

        Build.node Op.DynamicSlice (Array.append [| x |] (starts "DynamicSlice" x at)) sizes x.DType

    let dynamicUpdate (at: Tensor[]) (update: Tensor) (x: Tensor) =
        if
            update.Shape.Length <> x.Shape.Length
            || Array.exists2 (>) update.Shape x.Shape
            || update.DType <> x.DType
        then
            Fail.model $"DynamicUpdate of {x} cannot take {update}." "The update needs the same type and as many axes, none longer."

        Build.node Op.DynamicUpdate (Array.append [| x; update |] (starts "DynamicUpdate" x at)) x.Shape x.DType

    let argMax axis (x: Tensor) =
        let axis = axisOf "ArgMax" x axis
        Build.node (Op.ArgMax axis) [| x |] (Array.removeAt axis x.Shape) DType.I32

    let cumSum axis (x: Tensor) = Build.node (Op.CumSum(axisOf "CumSum" x axis)) [| x |] x.Shape x.DType

    let private ranks what k (x: Tensor) =
        if k < 1 then
            Fail.model $"{what} of {k}: ranks count from 1." "Keep 1 ≤ k ≤ length."

        if x.Shape.Length <> 1 || k > x.Shape[0] then
            Fail.model $"{what} of {k} needs a vector of at least {k} elements; {Fail.shape x.Shape} came." "Keep 1 ≤ k ≤ length."

    let topK k (x: Tensor) =
        ranks "TopK" k x
        Build.node (Op.TopK k) [| x |] [| k |] DType.I32

    let kthLargest k (x: Tensor) =
        ranks "KthLargest" k x
        Build.node (Op.KthLargest k) [| x |] [||] x.DType
