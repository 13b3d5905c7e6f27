namespace Inference

open System.Collections.Generic

/// Definitions in circles: a step of a loop that needs what only all steps together give.
[<RequireQualifiedAccess>]
module internal Cycles =
    /// The indices over which a value takes all of what it reads together.
    let private gathered (x: Tensor) : FreeIndex list =
        match x.Op with
        | Op.Reduce(_, _, held)
        | Op.Dot(_, _, _, held)
        | Op.Convolution(_, _, held) -> held
        | Op.Stack i -> [ i ]
        | _ -> []

    /// For each value that takes the steps of loops together, those loops.
    let private loopsRead (order: Tensor[]) : Dictionary<Tensor, Scan list> =
        let inside = Dictionary<Tensor, Scan list>(HashIdentity.Reference)
        let found = Dictionary<Tensor, Scan list>(HashIdentity.Reference)

        let union (sets: Scan list seq) =
            match sets |> Seq.filter (List.isEmpty >> not) |> Seq.distinct |> List.ofSeq with
            | [] -> []
            | [ one ] -> one
            | several -> several |> List.concat |> List.distinct

        for x in order do
            let sets =
                Traverse.edges x
                |> Seq.map (fun y ->
                    match inside.TryGetValue y with
                    | true, loops -> loops
                    | _ -> [])
                |> union

            inside[x] <-
                match x.Op with
                | Op.Carry(scan, _) -> if List.contains scan sets then sets else scan :: sets
                | Op.Final(scan, _) -> List.except [ scan ] sets
                | _ ->
                    match gathered x with
                    | [] -> sets
                    | over ->
                        let mine, others =
                            sets |> List.partition (fun s -> over |> List.exists (fun i -> obj.ReferenceEquals(i, s.Index)))

                        if not mine.IsEmpty then
                            found[x] <- mine

                        others

        found

    /// A value that takes all steps of a loop together and that a step of this loop needs, with the loop.
    let find (roots: Tensor[]) : (Tensor * Scan) option =
        let order = Traverse.postOrder roots
        let loops = loopsRead order

        let needs (x: Tensor) =
            match loops.TryGetValue x with
            | true, scans -> scans |> Seq.collect (fun s -> s.Nexts) |> Array.ofSeq |> Array.append (Traverse.edges x)
            | _ -> Traverse.edges x

        // when a value on the way to the present one was entered; −1 for what was left
        let entered = Dictionary<Tensor, int>(HashIdentity.Reference)
        let stack = Stack<struct (Tensor * bool)>()

        /// The last of the values on the way that take a loop's steps together.
        let last () =
            let (KeyValue(x, scans)) =
                loops
                |> Seq.filter (fun (KeyValue(x, _)) -> entered.ContainsKey x && entered[x] >= 0)
                |> Seq.maxBy (fun (KeyValue(x, _)) -> entered[x])

            Some(x, List.head scans)

        /// Whether what is needed is being computed already; what is not entered yet waits on the stack.
        let isOnWay (y: Tensor) =
            match entered.TryGetValue y with
            | true, place -> place >= 0
            | _ ->
                stack.Push(struct (y, false))
                false

        let enter root =
            let mutable isFound = false
            stack.Push(struct (root, false))

            while not isFound && stack.Count > 0 do
                match stack.Pop() with
                | struct (x, true) -> entered[x] <- -1
                | struct (x, false) when entered.TryAdd(x, entered.Count) ->
                    stack.Push(struct (x, true))
                    isFound <- needs x |> Array.exists isOnWay
                | _ -> ()

            if isFound then last () else None

        if loops.Count = 0 then None else Seq.tryPick enter order

    /// A circle in words: what a step needs, and what to do instead.
    let text (x: Tensor, loop: Scan) =
        $"a step of the loop over \"{loop.Index.Name}\" needs {x}, which takes all steps of the loop together: they would need one another.",
        "Carry what a step needs of the steps before it, or take the steps together after the loop."

    /// Refuses what would be computed from itself.
    let refuse (roots: Tensor[]) : unit =
        match find roots with
        | Some circle ->
            let problem, mend = text circle
            Fail.model ("A" + problem.Substring 1) mend
        | None -> ()
