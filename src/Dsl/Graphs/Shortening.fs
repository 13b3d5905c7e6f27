namespace Inference

open System.Collections.Generic

/// A question of independence: of one name and another, given some.
type internal Question = { First: Named; Second: Named; Given: Named list }

/// One stretch between named steps that was made shorter: it begins after a step, had so many steps and has so many now.
type private Shortened = { After: int; Was: int; Is: int }

/// A chain as short as it may be without another answer to a question.
///
/// What a question names splits a chain into stretches of steps that are alike. `Stretches` finds from which length on the answers of these repeat. So a
/// stretch may lose steps by the period as long as it stays that long; where letters stand for steps, a stretch between numbers stays as long as all ways in
/// which letters may split it need, and has the same ways to do so.
[<Sealed>]
type internal ShortenedChain private (time: FreeIndex, stretches: Shortened list, steps: int) =
    /// The letters of a question that stand for steps, each with the first and last of the steps that are meant by it.
    static let spans (time: FreeIndex) (q: Question) : (string * (int * int)) list =
        q.First :: q.Second :: q.Given
        |> List.collect (fun n -> n.At)
        |> List.choose (fun (i, s) ->
            match s with
            | Subscript.Letter(l, offset) when GraphIndex.isSame i time -> Some(l, offset)
            | Subscript.Letter _
            | Subscript.All
            | Subscript.Number _
            | Subscript.FromEnd _ -> None)
        |> List.groupBy fst
        |> List.map (fun (l, offsets) ->
            let offsets = 0 :: List.map snd offsets
            l, (List.min offsets, List.max offsets))

    /// The steps that stay what they are: those of the start and the end, and those that numbers name.
    static let fixedSteps (time: FreeIndex) edges (q: Question) (steps: int) =
        let struct (first, last, _) = Stretches.ends time edges

        let named =
            q.First :: q.Second :: q.Given
            |> List.collect (fun n -> n.At)
            |> List.choose (fun (i, s) ->
                match s with
                | Subscript.Number n when GraphIndex.isSame i time -> Some n
                | Subscript.FromEnd n when GraphIndex.isSame i time -> Some(steps - 1 - n)
                | Subscript.Number _
                | Subscript.FromEnd _
                | Subscript.All
                | Subscript.Letter _ -> None)

        [ yield! [ 0 .. first - 1 ]; yield! named; yield! [ steps - last .. steps - 1 ] ]
        |> List.filter (fun t -> t >= 0 && t < steps)
        |> List.distinct
        |> List.sort

    /// A chain that is left as it is.
    static member Whole(time: FreeIndex) = ShortenedChain(time, [], time.Capacity)

    /// A chain made shorter for a question, in a graph in which the others have so many steps.
    static member Of(time: FreeIndex, nodes: GraphNode[], edges: GraphEdge[], q: Question, valuesOf, ask: Unrolled -> Asked) =
        let spans = spans time q
        let letters = spans |> List.sumBy (fun (_, (low, high)) -> high - low + 1)
        let whole = time.Capacity
        let borders = -1 :: fixedSteps time edges q whole @ [ whole ]
        let widest = borders |> List.pairwise |> List.map (fun (a, b) -> b - a - 1) |> List.max

        // short as it is
        if widest < letters + 3 * (spans.Length + 1) then
            ShortenedChain.Whole time
        else
            match Stretches.repeats time nodes edges valuesOf ask with
            | None -> ShortenedChain.Whole time
            | Some r ->
                let room = letters + (spans.Length + 1) * (r.From + r.Period)
                let shorter n = if n < room + r.Period then n else room + (n - room) % r.Period

                let stretches =
                    borders
                    |> List.pairwise
                    |> List.map (fun (a, b) -> { After = a; Was = b - a - 1; Is = shorter (b - a - 1) })

                let lost = stretches |> List.sumBy (fun s -> s.Was - s.Is)
                ShortenedChain(time, stretches, whole - lost)

    member _.Time = time
    /// The steps that it has now.
    member _.Steps = steps

    /// A step of the whole chain that a number names, in the shorter one.
    member _.Short(t: int) : int =
        t - (stretches |> List.filter (fun s -> s.After < t) |> List.sumBy (fun s -> s.Was - s.Is))

    /// The steps of the whole chain that letters stand for, by those of the shorter one: where steps are missing, a stretch that no letter stands in is
    /// made longer.
    member c.Whole(q: Question, found: (string * int) list) : (string * int) list =
        let taken = HashSet<int>()
        let spans = spans time q

        for letter, t in found do
            let _, (low, high) = spans |> List.find (fun (l, _) -> l = letter)
            taken.UnionWith [ t + low .. t + high ]

        /// Where the longest run of steps that nothing names begins, of those of a stretch.
        let longest (s: Shortened) =
            let start = c.Short s.After + 1
            let mutable best, length, run = start, -1, 0

            for t in start .. start + s.Is - 1 do
                run <- if taken.Contains t then 0 else run + 1

                if run > length then
                    length <- run
                    best <- t - run + 1

            best

        let missing =
            [
                for s in stretches do
                    if s.Was > s.Is then
                        longest s, s.Was - s.Is
            ]

        [
            for letter, t in found ->
                let _, (low, _) = spans |> List.find (fun (l, _) -> l = letter)
                letter, t + (missing |> List.filter (fun (start, _) -> start < t + low) |> List.sumBy snd)
        ]

/// A question about a graph whose chains are as short as they may be for it.
[<Sealed>]
type internal ShortQuestion(nodes: GraphNode[], edges: GraphEdge[], isOrdered: FreeIndex -> bool, q: Question) =
    let all (q: Question) = q.First :: q.Second :: q.Given

    let chains =
        nodes |> Seq.collect (fun n -> n.Indices) |> Seq.filter isOrdered |> Seq.distinct |> List.ofSeq

    let stepsIn (done': ShortenedChain list) (i: FreeIndex) =
        done'
        |> List.tryFind (fun c -> GraphIndex.isSame c.Time i)
        |> Option.map (fun c -> c.Steps)
        |> Option.defaultValue i.Capacity

    let renumbered (c: ShortenedChain) (n: Named) =
        let at (i, s) =
            match s with
            | Subscript.Number t when GraphIndex.isSame c.Time i -> i, Subscript.Number(c.Short t)
            | Subscript.FromEnd t when GraphIndex.isSame c.Time i -> i, Subscript.Number(c.Short(i.Capacity - 1 - t))
            | Subscript.Number _
            | Subscript.FromEnd _
            | Subscript.All
            | Subscript.Letter _ -> i, s

        { n with At = List.map at n.At }

    let isLetterOfSteps (i, s) =
        match s with
        | Subscript.Letter _ -> isOrdered i
        | Subscript.All
        | Subscript.Number _
        | Subscript.FromEnd _ -> false

    let isAtAll time (n: Named) =
        n.At |> List.exists (fun (i, s) -> GraphIndex.isSame i time && s = Subscript.All)

    /// Which variables of a piece of a chain are asked for at all of its steps.
    let ask (meaning: Meaning) time (q: Question) (g: Unrolled) : Asked =
        let those (names: Named list) =
            let found = HashSet<int>()

            for n in names |> List.filter (isAtAll time) do
                let at = n.At |> List.map (fun (i, s) -> i, meaning.Value([], i, s))

                if at |> List.forall (fun (_, v) -> v.IsSome) then
                    found.UnionWith(g.Find(n.Node, at |> List.map (fun (i, v) -> i, v.Value)))

            found

        let first, second, given = those [ q.First ], those [ q.Second ], those q.Given

        {
            IsFirst = first.Contains
            IsSecond = second.Contains
            IsGiven = fun v -> given.Contains v || g.Node(v).Kind = NodeKind.Factor
        }

    let shorten (q: Question, done': ShortenedChain list) (time: FreeIndex) =
        let meaning = Meaning(all q, isOrdered, stepsIn done')

        // what is named by a step of another chain differs from step to step of that one
        let isEverywhere =
            all q |> List.forall (fun n -> not (isAtAll time n && List.exists isLetterOfSteps n.At))

        let c =
            if isEverywhere then
                ShortenedChain.Of(time, nodes, edges, q, meaning.ValuesOf, ask meaning time q)
            else
                ShortenedChain.Whole time

        {
            First = renumbered c q.First
            Second = renumbered c q.Second
            Given = List.map (renumbered c) q.Given
        },
        c :: done'

    let short, shortened = List.fold shorten (q, []) chains

    member _.Question: Question = short
    /// The steps of a chain.
    member _.StepsOf(i: FreeIndex) : int = stepsIn shortened i

    /// The steps of the whole chains that letters stand for.
    member _.Whole(steps: ((FreeIndex * string) * int) list) : ((FreeIndex * string) * int) list =
        [
            for c in shortened do
                let own =
                    steps
                    |> List.filter (fun ((i, _), _) -> GraphIndex.isSame i c.Time)
                    |> List.map (fun ((_, l), t) -> l, t)

                for l, t in c.Whole(short, own) -> (c.Time, l), t
        ]
