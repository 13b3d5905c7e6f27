namespace Inference.Compiler

open System.Collections.Generic

/// Rows of sums of products over a tile of lanes: z[row, lane] = Σ w[row, k]·x[k, lane], k running through one loop or two.
type Tile =
    {
        Type: ScalarType
        Rows: int
        /// The loops over k, outermost first.
        Loops: Loop list
        Left: int
        /// Where the first row's factors lie, and how far it is to the next row.
        LeftAt: Address
        LeftStride: int64
        Right: int
        RightAt: Address
        Target: int
        TargetAt: Address
        TargetStride: int64
        /// Adds to what is in the target.
        Continues: bool
    }

/// Recognises such sums among statements: most contractions are one, and one function for all that have as many rows spares
/// compilers the same loop over and over again.
[<RequireQualifiedAccess>]
module Tile =
    /// How often each variable is read.
    let uses (body: Statement list) : IReadOnlyDictionary<int, int> =
        let counts = Dictionary<int, int>()

        let see (v: Var) = counts[v.Id] <- counts.GetValueOrDefault v.Id + 1

        let read (o: Operand) =
            match o with
            | Operand.Var v -> see v
            | Operand.Float _
            | Operand.Int _ -> ()

        let address (a: Address) = a.Vars |> List.iter (fst >> see)

        let bound b =
            match b with
            | Bound.Computed v -> see v
            | Bound.Fixed _
            | Bound.Extent _ -> ()

        let rec walk (statements: Statement list) =
            for s in statements do
                match s with
                | Let(_, _, args)
                | Update(_, _, args) -> Array.iter read args
                | Read _
                | ReadExtent _ -> ()
                | Load(_, _, a) -> address a
                | Store(_, a, value) ->
                    address a
                    read value
                | Declare(_, value)
                | Assign(_, value) -> read value
                | Philox(_, inputs) -> Array.iter read inputs
                | Statement.Loop loop ->
                    bound loop.To
                    walk loop.Body
                | When(condition, inner) ->
                    read condition
                    walk inner
                | TransposeBlock t ->
                    address t.From
                    address t.To
                | ReduceLanes r ->
                    bound r.Count
                    walk r.Nested

                    for t in r.Terms do
                        read t.Value
                        Option.iter read t.Factor

        walk body
        counts

    /// The loops over k and the statements in them.
    let rec private nest (loop: Loop) : (Loop list * Statement list) option =
        if loop.Variable.Kind <> LoopKind.Sequential || loop.From <> 0L || loop.Step <> 1L then
            None
        else
            match loop.Body with
            | [ Statement.Loop inner ] -> nest inner |> Option.map (fun (loops, body) -> loop :: loops, body)
            | body -> Some([ loop ], body)

    /// The sums that a loop's statements add to, each with where its factors are loaded: buffer and address.
    let private sums (body: Statement list) =
        let loads = Dictionary<int, int * Address>()

        let factor (o: Operand) =
            match o with
            | Operand.Var v when loads.ContainsKey v.Id -> Some(v, loads[v.Id])
            | _ -> None

        let folder found s =
            match found, s with
            | Some sums, Load(v, b, a) ->
                loads[v.Id] <- (b, a)
                Some sums
            | Some sums, Update(total, Arith.Fma, [| a; b; Operand.Var now |]) when obj.ReferenceEquals(now, total) ->
                (match factor a, factor b with
                 | Some(w, left), Some(x, right) when not w.Varies && x.Varies -> Some(sums @ [ total, left, right ])
                 | Some(x, right), Some(w, left) when not w.Varies && x.Varies -> Some(sums @ [ total, left, right ])
                 | _ -> None)
            | _ -> None

        List.fold folder (Some []) body

    /// The step between addresses that differ by the same constant each time.
    let private stride (addresses: Address list) : int64 option =
        match addresses with
        | [ _ ] -> Some 0L
        | first :: second :: _ ->
            let step = second.Constant - first.Constant

            let follows k (a: Address) = a = { first with Constant = first.Constant + int64 k * step }

            if addresses |> List.indexed |> List.forall (fun (k, a) -> follows k a) then
                Some step
            else
                None
        | [] -> None

    /// What the sums start from: true if they are loaded from where they are stored, false if from zero, and what is left of the run.
    let private starts (run: Statement list) (totals: Var list) (targets: (int * Address) list) =
        let isTotal (v: Var) = totals |> List.exists (fun t -> obj.ReferenceEquals(t, v))

        let inits =
            run
            |> List.choose (fun s ->
                match s with
                | Declare(v, init) when isTotal v -> Some init
                | _ -> None)

        let loadOf o =
            run
            |> List.tryPick (fun s ->
                match s, o with
                | Load(v, b, a), Operand.Var x when obj.ReferenceEquals(v, x) -> Some(v, (b, a))
                | _ -> None)

        let rest dropped =
            run
            |> List.filter (fun s ->
                match s with
                | Declare(v, _) -> not (isTotal v)
                | Load(v, _, _) -> dropped |> List.forall (fun d -> not (obj.ReferenceEquals(d, v)))
                | _ -> true)

        let isZero o =
            match o with
            | Operand.Float(_, v) -> System.BitConverter.DoubleToInt64Bits v = 0L
            | Operand.Int _
            | Operand.Var _ -> false

        let loads = List.map loadOf inits

        if inits.Length <> totals.Length then
            None
        elif List.forall isZero inits then
            Some(false, rest [])
        elif
            List.forall Option.isSome loads
            && List.map (Option.get >> snd) loads = targets
            && run
               |> List.forall (fun s ->
                   match s with
                   | Store _ -> false
                   | _ -> true)
        then
            Some(true, rest (List.map (Option.get >> fst) loads))
        else
            None

    /// A tile whose sums are declared in a run of statements, added up by a loop and stored by what follows: with what is left of the
    /// run and of what follows.
    let recognise (uses: IReadOnlyDictionary<int, int>) (run: Statement list) (loop: Loop) (after: Statement list) =
        match nest loop |> Option.bind (fun (loops, body) -> sums body |> Option.map (fun s -> loops, s)) with
        | Some(loops, ((_ :: _) as sums)) when loops.Length <= 2 && after.Length >= sums.Length ->
            let totals = sums |> List.map (fun (t, _, _) -> t)
            let lefts, rights = sums |> List.map (fun (_, l, _) -> l), sums |> List.map (fun (_, _, r) -> r)

            let targets =
                List.zip totals (List.take sums.Length after)
                |> List.choose (fun (t, s) ->
                    match s with
                    | Store(b, a, Operand.Var v) when obj.ReferenceEquals(v, t) -> Some(b, a)
                    | _ -> None)

            let oneBuffer (places: (int * Address) list) = places |> List.forall (fun (b, _) -> b = fst places[0])
            let isFloat = totals.Head.Type = ScalarType.F32 || totals.Head.Type = ScalarType.F64

            // read by its update and by its store
            let isOwn (t: Var) = t.Varies && t.Type = totals.Head.Type && uses[t.Id] = 2

            if
                not isFloat
                || targets.Length < sums.Length
                || not (List.forall isOwn totals)
                || (totals |> List.distinctBy (fun t -> t.Id)).Length < totals.Length
                || not (oneBuffer lefts && oneBuffer targets && rights |> List.forall ((=) rights.Head))
            then
                None
            else
                match stride (List.map snd lefts), stride (List.map snd targets), starts run totals targets with
                | Some left, Some target, Some(continues, rest) ->
                    Some(
                        {
                            Type = totals.Head.Type
                            Rows = totals.Length
                            Loops = loops
                            Left = fst lefts.Head
                            LeftAt = snd lefts.Head
                            LeftStride = left
                            Right = fst rights.Head
                            RightAt = snd rights.Head
                            Target = fst targets.Head
                            TargetAt = snd targets.Head
                            TargetStride = target
                            Continues = continues
                        },
                        rest,
                        List.skip sums.Length after
                    )
                | _ -> None
        | _ -> None
