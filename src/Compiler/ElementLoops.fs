namespace Inference.Compiler

open Inference

/// Loops over the elements of values and over indices, and where what is computed in them is kept.
[<Sealed>]
type ElementLoops(context: Context, values: Values) =
    let graph = context.Graph
    let nodes = graph.Nodes
    let zero = Address.Of 0L

    /// An axis shorter than this is not worth vectorising by itself.
    let shortAxis = 8

    member _.Sequential(scope: Scope, name, from: int64, upTo, body: Scope -> Address -> unit) =
        let variable = LoopVar(name, LoopKind.Sequential)
        values.Runs(variable, from, upTo)
        let inner = scope.Nested variable
        body inner (Address.Of variable)

        scope.Emitter.Append(
            Statement.Loop
                {
                    Variable = variable
                    From = from
                    To = upTo
                    Step = 1L
                    Body = inner.Emitter.Statements
                }
        )

    member _.Lanes(scope: Scope, name, count, body: Scope -> Address -> unit) =
        let variable = LoopVar(name, LoopKind.Lane)
        values.Runs(variable, 0L, count)
        let inner = scope.Nested variable
        body inner (Address.Of variable)

        scope.Emitter.Append(
            Statement.Loop
                {
                    Variable = variable
                    From = 0L
                    To = count
                    Step = 1L
                    Body = inner.Emitter.Statements
                }
        )

    /// Every coordinate of a shape: unrolled if there are few, in loops otherwise. Where no plate is lanes, the last axis is,
    /// unless `sequential`. `leading` fixes the first coordinate.
    member s.ForEach
        (scope: Scope, env: Point, shape: int[], leading: Address option, sequential, body: Scope -> Point -> Address[] -> unit)
        =
        let free = if leading.IsSome then Array.tail shape else shape
        let start = Option.toArray leading

        let rec loops (scope: Scope) (env: Point) axis (coordinates: Address[]) =
            if axis = shape.Length then
                body scope env coordinates
            else
                let step inner env (a: Address) = loops inner env (axis + 1) (Array.append coordinates [| a |])

                if shape[axis] = 1 then
                    step scope env zero
                elif axis = shape.Length - 1 && shape[axis] >= shortAxis && not env.Vectorised && not sequential then
                    s.Lanes(scope, $"e{axis}", Bound.Fixed(int64 shape[axis]), fun inner a -> step inner { env with Vectorised = true } a)
                else
                    s.Sequential(scope, $"e{axis}", 0L, Bound.Fixed(int64 shape[axis]), fun inner a -> step inner env a)

        if Build.size free <= Strategy.unrolled then
            for flat in 0 .. Build.size free - 1 do
                let at = Coordinate.unflatten scope.Emitter free (Address.Of(int64 flat))
                body scope env (Array.append start at)
        else
            loops scope env start.Length start

    /// Every coordinate of a shape that some nodes have, in loops that are parted where what the nodes read changes.
    member s.ForEachPart(scope: Scope, env: Point, ofNodes: int list, body: Scope -> Point -> Address[] -> unit) =
        let shape = nodes[ofNodes.Head].Shape

        match Borders.parts graph context.Schedule.Strategies ofNodes with
        | Some(axis, borders) when Build.size shape > Strategy.unrolled ->
            for first, last in List.pairwise borders do
                let shift (c: Address[]) = Array.updateAt axis (c[axis] + Address.Of(int64 first)) c
                let part = Array.updateAt axis (last - first) shape
                s.ForEach(scope, env, part, None, false, (fun inner env c -> body inner env (shift c)))
        | _ -> s.ForEach(scope, env, shape, None, false, body)

    /// Loops over indices one after another, then over axes, calling `body` at each point.
    member s.Around(scope: Scope, env: Point, indices: int list, shape: int[], body: Scope -> Point -> Address[] -> unit) =
        match indices with
        | [] -> s.ForEach(scope, env, shape, None, true, body)
        | i :: rest ->
            s.Sequential(
                scope,
                $"r{i}",
                0L,
                values.BoundOf i,
                fun inner a -> s.Around(inner, { env with At = env.At.Add(i, a); Rebound = env.Rebound.Add i }, rest, shape, body)
            )

    /// Nested loops over indices and over the axes of a shape, for a reduction that runs through all of them: the loops, the scope and
    /// the point inside, and the coordinates along the axes.
    member _.Nest(scope: Scope, env: Point, indices: int list, shape: int[]) =
        let loops =
            (indices |> List.map (fun i -> Some i, values.BoundOf i))
            @ (shape |> Array.map (fun n -> None, Bound.Fixed(int64 n)) |> List.ofArray)

        let folder (around, scope: Scope, env: Point, coordinates) (index, bound) =
            match index, bound with
            | None, Bound.Fixed 1L -> around, scope, env, coordinates @ [ zero ]
            | _ ->
                let variable = LoopVar("r", LoopKind.Sequential)
                let inner = scope.Nested variable
                let around = around @ [ variable, bound, inner ]

                match index with
                | Some i ->
                    let env =
                        { env with
                            At = env.At.Add(i, Address.Of variable)
                            Rebound = env.Rebound.Add i
                        }

                    around, inner, env, coordinates
                | None -> around, inner, env, coordinates @ [ Address.Of variable ]

        let around, inner, env, coordinates = List.fold folder ([], scope, env, []) loops
        around, inner, env, Array.ofList coordinates

    /// Keeps a value: in a register if its place is known now, in memory if anyone needs it there.
    member _.Keep(scope: Scope, env: Point, n: Node, coordinates: Address[], value: Operand) =
        let flat = Coordinate.flatten n.Shape coordinates

        match flat.TryConstant with
        | Some f -> scope.Remember(n.Id, int f, value)
        | None -> ()

        match context.Storage.TryGetValue n.Id with
        | true, storage -> scope.Emitter.Append(Store(storage.Buffer, values.AddressIn(storage, env, coordinates), value))
        | _ -> ()
