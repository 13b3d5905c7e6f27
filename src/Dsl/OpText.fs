namespace Inference

open System

/// Operations as text.
[<RequireQualifiedAccess>]
module OpText =
    let private list (xs: 'a seq) = String.Join(",", xs)

    /// Numbers as text, many of them by their hash.
    let digest (values: double[]) =
        if values.Length <= 16 then
            values |> Array.map (fun v -> v.ToString("R", Globalization.CultureInfo.InvariantCulture)) |> list
        else
            let bytes = Array.collect (fun (v: double) -> BitConverter.GetBytes v) values
            $"{values.Length} numbers {Convert.ToHexString(Security.Cryptography.SHA256.HashData bytes)}"

    /// An operation with its parameters as text: equal texts mean equal operations.
    let ofOp (index: FreeIndex -> int) (scan: Scan -> int) (slot: InputSlot -> string) (op: Op) =
        let indices (xs: FreeIndex list) = xs |> List.map (fun i -> $"i{index i}") |> list

        match op with
        | Op.Constant values -> "constant " + digest values
        | Op.Input s -> slot s
        | Op.Position i -> $"position i{index i}"
        | Op.ExtentOf i -> $"extent i{index i}"
        | Op.Iota -> "iota"
        | Op.Random r -> $"random {r.Kind} plates({indices r.Plates}) times({indices r.Times}) attempt {r.Attempt}"
        | Op.Philox w -> $"philox {w}"
        | Op.Unary u -> (string u).ToLowerInvariant()
        | Op.Binary b -> (string b).ToLowerInvariant()
        | Op.Select -> "select"
        | Op.Convert -> "convert"
        | Op.Reshape -> "reshape"
        | Op.Transpose p -> $"transpose({list p})"
        | Op.Broadcast a -> $"broadcast({list a})"
        | Op.Slice(s, d) -> $"slice({list s} by {list d})"
        | Op.Pad l -> $"pad({list l})"
        | Op.Concat a -> $"concat({a})"
        | Op.Reverse a -> $"reverse({list a})"
        | Op.Gather -> "gather"
        | Op.ScatterAdd -> "scatter-add"
        | Op.DynamicSlice -> "dynamic-slice"
        | Op.DynamicUpdate -> "dynamic-update"
        | Op.Stack i -> $"stack i{index i}"
        | Op.Unstack i -> $"unstack i{index i}"
        | Op.Reduce(r, a, i) -> $"{(string r).ToLowerInvariant()}({list a};{indices i})"
        | Op.ArgMax a -> $"argmax({a})"
        | Op.Dot(s, l, r, i) -> $"dot {s}({list l};{list r};{indices i})"
        | Op.Convolution(kind, s, i) -> $"convolution {kind}({s};{indices i})"
        | Op.Window s -> $"window({s})"
        | Op.CumSum a -> $"cumsum({a})"
        | Op.TopK k -> $"top-{k}"
        | Op.KthLargest k -> $"largest-{k}"
        | Op.Carry(s, k) -> "carry s" + string (scan s) + "." + string k
        | Op.Final(s, k) -> "final s" + string (scan s) + "." + string k
        | Op.Probe name -> $"probe {name}"
        | Op.Check c -> $"check {c.Site}"
        | Op.Derivative rule -> $"derivative {rule.Name}"
