namespace Inference

open System.Collections.Generic

/// Whether two values are computed alike, by the same operations from the same leaves. Checks and probes pass values on and do not count.
/// Loops are the same only as one: what two loops carry counts as different.
[<RequireQualifiedAccess>]
module internal Sameness =
    let rec private bare (x: Tensor) =
        match x.Op with
        | Op.Check _
        | Op.Probe _ -> bare x.Inputs[0]
        | _ -> x

    /// Numbers for things that are what they are by reference.
    let private numbering () : obj -> int =
        let numbers = Dictionary<obj, int>(HashIdentity.Reference)

        fun x ->
            match numbers.TryGetValue x with
            | true, k -> k
            | _ ->
                numbers[x] <- numbers.Count
                numbers.Count - 1

    let equal (a: Tensor) (b: Tensor) : bool =
        let number = numbering ()

        let text (op: Op) =
            OpText.ofOp (fun i -> number (box i)) (fun s -> number (box s)) (fun s -> string (number (box s))) op

        let alike (a: Tensor) (b: Tensor) =
            a.Shape = b.Shape
            && a.DType = b.DType
            && a.Inputs.Length = b.Inputs.Length
            && (match a.Op, b.Op with
                // a rule follows from the value and the arguments, which are compared as well
                | Op.Derivative p, Op.Derivative q -> p.Name = q.Name
                | p, q -> obj.ReferenceEquals(p, q) || text p = text q)

        let seen = HashSet<struct (int * int)>()
        let pending = Stack<struct (Tensor * Tensor)>([ struct (a, b) ])
        let mutable same = true

        while same && pending.Count > 0 do
            let struct (a, b) = pending.Pop()
            let a, b = bare a, bare b

            if not (obj.ReferenceEquals(a, b)) && seen.Add(struct (number (box a), number (box b))) then
                same <- alike a b

                if same then
                    Array.iter2 (fun x y -> pending.Push(struct (x, y))) a.Inputs b.Inputs

        same

    /// For each value, the first of those in the order that are computed alike; operands come first in it. What is `apart` is alike to
    /// nothing else.
    let first (order: Tensor[]) (apart: Tensor seq) : Tensor -> Tensor =
        let number = numbering ()
        let firsts = Dictionary<Tensor, Tensor>(HashIdentity.Reference)
        let known = Dictionary<string, Tensor>()
        let apart = HashSet<Tensor>(apart, HashIdentity.Reference)

        let firstOf (x: Tensor) =
            match firsts.TryGetValue x with
            | true, y -> y
            | _ -> x

        for x in order do
            if not (apart.Contains x) then
                let text =
                    OpText.ofOp (fun i -> number (box i)) (fun s -> number (box s)) (fun s -> string (number (box s))) x.Op

                let operands = x.Inputs |> Seq.map (fun a -> string (number (box (firstOf a)))) |> String.concat ","
                let sizes = x.Shape |> Seq.map string |> String.concat ","
                let key = $"{text}|{operands}|{sizes}|{x.DType}"

                match known.TryGetValue key with
                | true, y -> firsts[x] <- y
                | _ -> known[key] <- x

        firstOf
