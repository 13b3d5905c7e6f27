namespace Inference

open System

/// Records with finitely many values: every number of every field is [Discrete]. Values are counted from 0, the last number's varying fastest.
[<RequireQualifiedAccess>]
module FiniteSpace =
    /// How many values each number of a record takes.
    let private radices (space: Space) = space.Leaves |> Array.collect (fun l -> Array.create l.Count l.Discrete)

    /// How many values later numbers take together, for each number.
    let private strides (space: Space) =
        let radices = radices space
        Array.scanBack (*) radices 1 |> Array.tail

    /// Refuses a space that is not finite, or too large to count: 2³¹ values or more.
    let require (what: string) (space: Space) : int =
        for l in space.Leaves do
            if l.Discrete = 0 then
                Fail.model
                    $"The field \"{l.Path}\" of the {what} {space.Name} is not finite: an exact solution visits every value."
                    "Declare it with [Discrete(n)], its values being 0 … n−1, or plan by sampling: Plan(new Mppi(), engine)."

        let size = radices space |> Array.fold (fun size n -> size * double n) 1.0

        if size > double Int32.MaxValue then
            Fail.model
                $"The {what} {space.Name} has {size:G4} values; an exact solution visits every one."
                "Give it fewer fields or values."

        int size

    /// An index for each number of a record.
    let indices (kind: string -> int -> FreeIndex) (space: Space) : FreeIndex list =
        [
            for l in space.Leaves do
                for k in 0 .. l.Count - 1 do
                    kind (if l.Count = 1 then l.Path else $"{l.Path}[{k}]") l.Discrete
        ]

    /// The record whose numbers are the positions of such indices.
    let ofIndices<'T> (space: Space) (indices: FreeIndex list) : 'T =
        let starts = space.Leaves |> Array.map (fun l -> l.Count) |> Array.scan (+) 0
        let positions = indices |> List.map Structure.position |> Array.ofList

        space.Leaves
        |> Array.mapi (fun k l ->
            let own = positions[starts[k] .. starts[k + 1] - 1]
            if l.Shape.Length = 0 then own[0] else Shapes.pack own |> Shapes.reshape l.Shape)
        |> Record.ofTensors<'T>

    /// The numbers of a record, one after another.
    let private numbers (value: 'T) : Tensor[] =
        Record.toTensors value
        |> Array.collect (fun x ->
            let flat = Shapes.reshape [| x.Count |] x
            Array.init x.Count (fun k -> Shapes.at 0 k flat))

    /// The count of a record's value, i32; and what is not a value of its field: the first such number's position, or −1, and the number, f32.
    let count (space: Space) (value: 'T) : Tensor * Tensor * Tensor =
        let whole (x: double) = Build.scalar DType.I32 x
        let none = whole -1.0, Build.scalar DType.F32 0.0

        let check k (x: Tensor) radix (bad: Tensor, number: Tensor) =
            let real = Build.convert DType.F32 x
            let known = Build.convert DType.F32 (Build.convert DType.I32 x)

            let fits =
                both
                    (both (atMost (Build.scalar DType.F32 0.0) real) (less real (Build.scalar DType.F32 (double radix))))
                    (Language.Equal(real, known))

            Build.select fits bad (whole (double k)), Build.select fits number real

        let values = numbers value
        let radices, strides = radices space, strides space

        let total =
            Array.map2 (fun (x: Tensor) stride -> Build.convert DType.I32 x * whole (double stride)) values strides
            |> Array.fold (+) (whole 0.0)

        let bad, number =
            Seq.foldBack (fun k -> check k values[k] radices[k]) (seq { 0 .. values.Length - 1 }) none

        total, bad, number

    /// The numbers of a value by its count, field after field.
    let valuesAt (space: Space) (count: int) : int[] =
        Array.map2 (fun radix stride -> count / stride % radix) (radices space) (strides space)

    /// A field's name for each number.
    let private names (space: Space) =
        indices (fun name _ -> FreeIndex(name, Extent.Fixed 1, IndexKind.Plate)) space
        |> List.map (fun i -> i.Name)

    /// The name of the number at a position, and how many values it takes.
    let field (space: Space) (position: int) : string * int = (names space)[position], (radices space)[position]

    /// A value in words: "Row 0, Column 3".
    let label (space: Space) (count: int) : string =
        Seq.map2 (fun name value -> $"{name} {value}") (names space) (valuesAt space count)
        |> String.concat ", "

    /// The count of a value by its numbers; an error where one of them is not a value of its field.
    let countOf (space: Space) (numbers: ReadOnlySpan<float32>) : int =
        let radices, strides = radices space, strides space

        if numbers.Length <> radices.Length then
            invalidArg "state" $"A value of {space.Name} has {radices.Length} numbers; {numbers.Length} came."

        let mutable total = 0

        for k in 0 .. radices.Length - 1 do
            let x = numbers[k]

            if not (x >= 0.0f && x < float32 radices[k] && x = MathF.Floor x) then
                invalidArg "state" $"The field \"{fst (field space k)}\" of {space.Name} takes the values 0 … {radices[k] - 1}; {x} came."

            total <- total + int x * strides[k]

        total
