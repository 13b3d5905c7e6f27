namespace Inference

open System
open System.Collections.Generic

[<RequireQualifiedAccess>]
module Traverse =
    /// What a value is computed from; a carried value depends on its starts, a final one on the whole loop.
    let edges (x: Tensor) : Tensor[] =
        match x.Op with
        | Op.Carry(scan, _) -> scan.Inits
        | Op.Final(scan, _) -> Array.append scan.Inits scan.Nexts
        | _ -> x.Inputs

    /// Every tensor that the roots need, operands first, without what only given values need. Iterative: a model may be as deep as it
    /// likes.
    let postOrderUntil (given: Tensor seq) (roots: Tensor seq) : Tensor[] =
        let order = ResizeArray<Tensor>()
        let seen = HashSet<Tensor>(given, HashIdentity.Reference)
        let pending = Queue<Tensor>(roots)
        let stack = Stack<struct (Tensor * bool)>()

        while pending.Count > 0 do
            stack.Push(struct (pending.Dequeue(), false))

            while stack.Count > 0 do
                match stack.Pop() with
                | struct (x, true) -> order.Add x
                | struct (x, false) when seen.Add x ->
                    stack.Push(struct (x, true))
                    let inputs = edges x

                    for k in inputs.Length - 1 .. -1 .. 0 do
                        if not (seen.Contains inputs[k]) then
                            stack.Push(struct (inputs[k], false))

                    match x.Op with
                    | Op.Carry(scan, _) ->
                        if isNull scan.Nexts then
                            Fail.model
                                $"A value carried by the loop over \"{scan.Index.Name}\" has left a step that was traced again."
                                "Return values from the step instead of storing them."

                        for next in scan.Nexts do
                            pending.Enqueue next
                    | _ -> ()
                | _ -> ()

        order.ToArray()

    /// Every tensor that the roots need, operands first.
    let postOrder (roots: Tensor seq) : Tensor[] = postOrderUntil [] roots
