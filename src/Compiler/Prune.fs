namespace Inference.Compiler

open System.Collections.Generic

/// Drops statements whose results nobody reads: products that went into a fused multiply-add, values that only a folded branch
/// wanted.
[<RequireQualifiedAccess>]
module Prune =
    let private addressVars (a: Address) = a.Vars |> List.map fst

    /// What is needed for some values, besides what the statements store.
    let bodyFor (roots: Operand list) (statements: Statement list) : Statement list =
        let used = HashSet<int>()

        let read (o: Operand) =
            match o with
            | Operand.Var v -> used.Add v.Id |> ignore
            | Operand.Float _
            | Operand.Int _ -> ()

        let readAddress a = addressVars a |> List.iter (fun v -> used.Add v.Id |> ignore)

        let readBound b =
            match b with
            | Bound.Computed v -> used.Add v.Id |> ignore
            | Bound.Fixed _
            | Bound.Extent _ -> ()

        /// A variable that is assigned is kept whole: a loop may read what a later statement assigns.
        let rec assigned (statements: Statement list) =
            for s in statements do
                match s with
                | Assign(v, value) ->
                    used.Add v.Id |> ignore
                    read value
                | Update(v, _, args) ->
                    used.Add v.Id |> ignore
                    Array.iter read args
                | Statement.Loop loop -> assigned loop.Body
                | When(_, inner) -> assigned inner
                | ReduceLanes r -> assigned r.Nested
                | _ -> ()

        List.iter read roots
        assigned statements

        // from the last statement to the first, so that readers are seen before what they read
        let rec sweep (statements: Statement list) : Statement list =
            List.foldBack
                (fun s kept ->
                    match s with
                    | Let(v, _, args) when used.Contains v.Id ->
                        Array.iter read args
                        s :: kept
                    | Load(v, _, a) when used.Contains v.Id ->
                        readAddress a
                        s :: kept
                    | Declare(v, value) when used.Contains v.Id ->
                        read value
                        s :: kept
                    | Read(v, _)
                    | ReadExtent(v, _) when used.Contains v.Id -> s :: kept
                    | Philox(words, inputs) when words |> Array.exists (fun w -> used.Contains w.Id) ->
                        Array.iter read inputs
                        s :: kept
                    | Let _
                    | Load _
                    | Declare _
                    | Read _
                    | ReadExtent _
                    | Philox _ -> kept
                    | Store(_, a, value) ->
                        readAddress a
                        read value
                        s :: kept
                    | Assign _
                    | Update _ -> s :: kept
                    | Statement.Loop loop ->
                        readBound loop.To
                        let inner = sweep loop.Body

                        if inner.IsEmpty then
                            kept
                        else
                            Statement.Loop { loop with Body = inner } :: kept
                    | When(condition, inner) ->
                        let inner = sweep inner

                        if inner.IsEmpty then
                            kept
                        else
                            read condition
                            When(condition, inner) :: kept
                    | TransposeBlock t ->
                        readAddress t.From
                        readAddress t.To
                        s :: kept
                    | ReduceLanes r when r.Terms |> List.exists (fun t -> used.Contains t.Result.Id) ->
                        for t in r.Terms do
                            read t.Value
                            Option.iter read t.Factor

                        readBound r.Count
                        let body = sweep r.LaneBody

                        let around =
                            List.foldBack
                                (fun (loop: Loop) inner ->
                                    readBound loop.To
                                    { loop with Body = sweep loop.Body } :: inner)
                                r.Around
                                []

                        ReduceLanes { r with Around = around; LaneBody = body } :: kept
                    | ReduceLanes _ -> kept)
                statements
                []

        sweep statements

    let body statements = bodyFor [] statements
