namespace Inference

open System
open System.Collections.Generic

/// What stands in the brackets behind a name, for one of its plates or chains.
[<RequireQualifiedAccess>]
type internal Subscript =
    /// All values.
    | All
    | Number of int
    /// Some value, one for each letter, and for steps so many further.
    | Letter of letter: string * further: int
    /// So many steps before the last.
    | FromEnd of int

/// Variables as a question names them: a node, at some of its plates' values and steps.
type internal Named = { Text: string; Node: GraphNode; At: (FreeIndex * Subscript) list }

/// Reads names such as `school/z`, `z`, `x[3]`, `x[t-1]`, `x[i, last]`.
[<RequireQualifiedAccess>]
module internal Naming =
    /// How many letters must be put in, left out or changed to make one word of another (Levenshtein, 1966).
    let private distance (a: string) (b: string) =
        let row = [| 0 .. b.Length |]

        for i in 1 .. a.Length do
            let mutable corner = row[0]
            row[0] <- i

            for j in 1 .. b.Length do
                let above = row[j]
                let change = corner + (if a[i - 1] = b[j - 1] then 0 else 1)
                row[j] <- min change (1 + min above row[j - 1])
                corner <- above

        row[b.Length]

    let private lastPart (name: string) = name.Substring(name.LastIndexOf '/' + 1)

    let private unknown (graph: string) (nodes: GraphNode[]) (name: string) : GraphNode =
        let near =
            nodes
            |> Array.sortBy (fun n -> min (distance name n.Name) (distance name (lastPart n.Name)))
            |> Array.truncate 3
            |> Array.map (fun n -> $"\"{n.Name}\"")
            |> String.concat ", "

        Fail.model $"The graph of \"{graph}\" has no \"{name}\"." (if near = "" then "It has no sites." else $"Near are {near}.")

    /// The node of a name: its whole path, or the end of one path alone.
    let node (graph: string) (nodes: GraphNode[]) (name: string) : GraphNode =
        match nodes |> Array.tryFind (fun n -> n.Name = name) with
        | Some n -> n
        | None ->
            match nodes |> Array.filter (fun n -> n.Name.EndsWith("/" + name, StringComparison.Ordinal)) with
            | [| n |] -> n
            | [||] -> unknown graph nodes name
            | several ->
                let paths = several |> Array.map (fun n -> $"\"{n.Name}\"") |> String.concat ", "
                Fail.model $"\"{name}\" may be any of {paths}." "Give the whole path."

    let private further (name: string) (text: string) =
        match text.IndexOfAny([| '+'; '-' |], 1) with
        | -1 -> text, 0
        | k ->
            match Int32.TryParse(text.Substring(k + 1)) with
            | true, n when n >= 0 -> text.Substring(0, k), (if text[k] = '+' then n else -n)
            | _ -> Fail.model $"\"{name}\" has the subscript \"{text}\"." "Write a number, a letter, t-1, last or *."

    let private subscript (name: string) (isOrdered: FreeIndex -> bool) (i: FreeIndex) (text: string) =
        let refuse problem =
            Fail.model $"\"{name}\": {problem}" $"\"{i.Name}\" has the values 0 … {i.Capacity - 1}."

        match text with
        | "*" -> Subscript.All
        | "" -> Fail.model $"\"{name}\" has an empty subscript." "Write a number, a letter, or * for all values."
        | _ when Char.IsDigit text[0] || text[0] = '-' ->
            match Int32.TryParse text with
            | true, n when n >= 0 && (n < i.Capacity || i.Extent.Runtime.IsSome && not (isOrdered i)) -> Subscript.Number n
            | _ -> refuse $"{text} is no value of \"{i.Name}\"."
        | _ ->
            let word, offset = further name text

            if offset <> 0 && not (isOrdered i) then
                refuse $"the values of the plate \"{i.Name}\" have no order."
            elif word = "last" && isOrdered i then
                if offset > 0 || offset <= -i.Capacity then
                    refuse $"{text} is no step of \"{i.Name}\"."

                Subscript.FromEnd -offset
            else
                Subscript.Letter(word, offset)

    /// The variables of a name, with or without subscripts.
    let variables (graph: string) (nodes: GraphNode[]) (isOrdered: FreeIndex -> bool) (text: string) : Named =
        if isNull text then
            Fail.model "A name of a variable is null." "Name a site."

        let plain (n: GraphNode) =
            {
                Text = text
                Node = n
                At = n.Indices |> List.map (fun i -> i, Subscript.All)
            }

        let opening = text.LastIndexOf '['

        // brackets may be part of a site's own name
        match nodes |> Array.tryFind (fun n -> n.Name = text) with
        | Some n -> plain n
        | None when opening > 0 && text.EndsWith ']' ->
            let n = node graph nodes (text.Substring(0, opening))

            let parts =
                text.Substring(opening + 1, text.Length - opening - 2).Split ',' |> Array.map (fun p -> p.Trim())

            if parts.Length <> n.Indices.Length then
                let needs =
                    if n.Indices.IsEmpty then
                        "stands in no plate or chain"
                    else
                        n.Indices |> List.map (fun i -> i.Name) |> String.concat ", " |> sprintf "stands in %s"

                Fail.model $"\"{text}\" has {parts.Length} subscripts; \"{n.Name}\" {needs}." "Give one for each, or none for all values."

            {
                Text = text
                Node = n
                At = List.map2 (fun i part -> i, subscript text isOrdered i part) n.Indices (List.ofArray parts)
            }
        | None -> plain (node graph nodes text)

/// The values that a question's numbers and letters stand for, in chains of so many steps.
type internal Meaning(names: Named list, isOrdered: FreeIndex -> bool, stepsOf: FreeIndex -> int) =
    let indices = names |> List.collect (fun n -> n.At) |> List.map fst |> List.distinct

    let chosen (i: FreeIndex) choose =
        names
        |> List.collect (fun n -> n.At)
        |> List.choose (fun (j, s) -> if GraphIndex.isSame i j then choose s else None)
        |> List.distinct

    let numbers i =
        chosen i (function
            | Subscript.Number n -> Some n
            | _ -> None)

    let letters i =
        chosen i (function
            | Subscript.Letter(l, _) -> Some l
            | _ -> None)

    /// The values of plates' letters: any will do that no number names, since the values of a plate are alike.
    let values = Dictionary<struct (FreeIndex * string), int>()

    do
        for i in indices do
            if not (isOrdered i) then
                let taken = numbers i
                let free = Seq.initInfinite id |> Seq.filter (fun n -> not (List.contains n taken))
                let count = taken.Length + (letters i).Length

                if count > i.Capacity && i.Extent.Runtime.IsNone then
                    Fail.model
                        $"{count} values of the plate \"{i.Name}\" are named; it has {i.Capacity}."
                        "Different letters are different values: use fewer."

                for letter, n in Seq.zip (letters i) free do
                    values[struct (i, letter)] <- n

    /// The values of an index that the unrolled graph has.
    member _.ValuesOf(i: FreeIndex) : int[] =
        if isOrdered i then
            [| 0 .. stepsOf i - 1 |]
        else
            let named = numbers i @ [ for l in letters i -> values[struct (i, l)] ]
            let isWhole = named.Length >= i.Capacity && i.Extent.Runtime.IsNone
            Array.ofList (if isWhole then named else named @ [ Unrolled.Other ])

    /// How many values of a plate one value of the unrolled graph stands for. A count that is not known is large.
    member m.Repeats(i: FreeIndex, value: int) : int64 =
        if isOrdered i || value <> Unrolled.Other then 1L
        elif i.Extent.Runtime.IsSome then 1_000_000L
        else int64 (i.Capacity - (m.ValuesOf i).Length + 1)

    /// The letters that stand for steps.
    member _.Steps: (FreeIndex * string) list =
        [
            for i in indices do
                if isOrdered i then
                    for l in letters i -> i, l
        ]

    /// The value of a subscript where letters stand for given steps; none if there is no such step, and null for all values.
    member _.Value(steps: ((FreeIndex * string) * int) list, i: FreeIndex, s: Subscript) : int option voption =
        let step n = if n >= 0 && n < stepsOf i then ValueSome(Some n) else ValueNone

        match s with
        | Subscript.All -> ValueSome None
        | Subscript.Number n -> ValueSome(Some n)
        | Subscript.FromEnd n -> step (stepsOf i - 1 - n)
        | Subscript.Letter(l, offset) when isOrdered i ->
            steps
            |> List.pick (fun ((j, letter), t) -> if GraphIndex.isSame i j && l = letter then Some t else None)
            |> fun t -> step (t + offset)
        | Subscript.Letter(l, _) -> ValueSome(Some values[struct (i, l)])

    /// All ways in which letters may stand for steps: different letters for different ones.
    member m.Assignments: ((FreeIndex * string) * int) list seq =
        let rec assign letters =
            match letters with
            | [] -> Seq.singleton []
            | (i: FreeIndex, l) :: rest ->
                seq {
                    for others in assign rest do
                        for t in 0 .. stepsOf i - 1 do
                            if others |> List.forall (fun ((j, _), s) -> s <> t || not (GraphIndex.isSame i j)) then
                                ((i, l), t) :: others
                }

        assign m.Steps

    /// A variable of the unrolled graph as text: by the letters of the question where it has any.
    member private _.Place(steps: ((FreeIndex * string) * int) list, i: FreeIndex, value: int) : string =
        let near =
            steps
            |> List.filter (fun ((j, _), _) -> GraphIndex.isSame i j)
            |> List.sortBy (fun (_, t) -> abs (value - t))
            |> List.tryHead

        match near with
        | Some((_, l), t) when value = t -> l
        | Some((_, l), t) -> if value > t then $"{l}+{value - t}" else $"{l}-{t - value}"
        | None when isOrdered i -> string value
        | None ->
            let letter = letters i |> List.tryFind (fun l -> values[struct (i, l)] = value)

            match letter with
            | Some l -> l
            | None when value <> Unrolled.Other -> string value
            | None when (numbers i).IsEmpty && (letters i).IsEmpty -> i.Name
            | None -> "other"

    member m.Text(g: Unrolled, steps, v: int) : string =
        match g.Values v with
        | [] -> g.Node(v).Name
        | places ->
            let inside = places |> List.map (fun (i, value) -> m.Place(steps, i, value)) |> String.concat ", "
            $"{g.Node(v).Name}[{inside}]"
