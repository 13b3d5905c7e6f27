/// Updates at computed positions, of what a state or a loop carries, where something else needs what was there before.
module Inference.Compiler.Tests.InPlaceTests

open Inference
open Inference.Compiler.Tests.ProgramTests
open Xunit

let private whole (value: int) = Build.scalar DType.I32 (double value)

/// A memory of eight rows that takes a row; `read` makes something of the memory before and after.
let private memory name (read: ProgramBuilder -> Tensor -> Tensor -> unit) =
    let program =
        build name (fun b ->
            let memory = b.State("memory", [| 8; 3 |], DType.F32, [| 0.0 |])
            let row = b.Input("row", [| 3 |], DType.F32)
            let updated = L.DynamicUpdate(memory, L.Reshape(row, 1, 3), whole 5, whole 0)
            b.Next(memory, updated)
            read b memory updated)

    Oracle.agrees program [ "row", numbers 1 3; "memory", numbers 2 24 ]

[<Fact>]
let ``What a state was is an output`` () = memory "output" (fun b before _ -> b.Output("before", before))

[<Fact>]
let ``What a state was is what another state becomes`` () =
    memory "delayed" (fun b before _ ->
        let delayed = b.State("delayed", [| 8; 3 |], DType.F32, [| 0.0 |])
        b.Next(delayed, before))

[<Fact>]
let ``What a state was is probed`` () =
    memory "probed" (fun b before after -> b.Output("sum", L.Sum(L.Probe("before", before)) + L.Sum after))

[<Fact>]
let ``What a state becomes is an output too`` () = memory "both" (fun b _ after -> b.Output("after", after))

/// A loop that writes one element a step over what it carries.
let private carried name (finish: ProgramBuilder -> FreeIndex -> Tensor[] -> Tensor -> Tensor -> unit) others =
    let program =
        build name (fun b ->
            let t = L.TimeIndex("t", 6)
            let x = L.Unstack(b.Input("x", [| 6 |], DType.F32), t)

            let finals, (before, after) =
                Structure.scan t (Array.create (1 + others) (L.Zeros 6)) (fun c ->
                    let next = L.DynamicUpdate(c[0], L.Reshape(x, 1), L.Convert(Structure.position t, DType.I32))
                    Array.append [| next |] (Array.init others (fun k -> c[k])), (c[0], next))

            finish b t finals before after)

    Oracle.agrees program [ "x", numbers 3 6 ]

[<Fact>]
let ``A loop's last value alone`` () = carried "last" (fun b _ finals _ _ -> b.Output("last", finals[0])) 0

[<Fact>]
let ``Every step's value, stacked`` () = carried "stacked" (fun b t _ _ after -> b.Output("all", L.Stack(after, t))) 0

[<Fact>]
let ``What every step began with, stacked`` () =
    carried
        "begun"
        (fun b t finals before _ ->
            b.Output("all", L.Stack(before, t))
            b.Output("last", finals[0]))
        0

[<Fact>]
let ``Every step's value, read outside the loop`` () =
    carried
        "outside"
        (fun b t finals _ after ->
            b.Output("sum", L.SumOver(t, L.Sum after * L.Exp(L.Sum(finals[0]))))
            b.Output("last", finals[0]))
        0

[<Fact>]
let ``What a step began with is what another carries`` () =
    carried "handed on" (fun b _ finals _ _ -> finals |> Array.iteri (fun k f -> b.Output($"last{k}", f))) 2
