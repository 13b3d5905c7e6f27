namespace Inference

open System
open System.Collections.Generic
open System.Reflection
open Microsoft.FSharp.Reflection

/// The element shape of a field; without it a field is a scalar.
[<AttributeUsage(AttributeTargets.Property ||| AttributeTargets.Parameter)>]
type SizeAttribute([<ParamArray>] sizes: int[]) =
    inherit Attribute()
    member _.Sizes = sizes

/// The closed range of a field's values.
[<AttributeUsage(AttributeTargets.Property ||| AttributeTargets.Parameter)>]
type WithinAttribute(low: double, high: double) =
    inherit Attribute()
    member _.Low = low
    member _.High = high

/// A field that takes the values 0 … count−1.
[<AttributeUsage(AttributeTargets.Property ||| AttributeTargets.Parameter)>]
type DiscreteAttribute(count: int) =
    inherit Attribute()
    member _.Count = count

/// One tensor of a record: its path, its element shape, and the values it may take.
type Leaf =
    {
        Path: string
        Shape: int[]
        Low: double
        High: double
        /// The number of values of a discrete field, or 0.
        Discrete: int
    }

    member leaf.Count = Array.fold (*) 1 leaf.Shape
    member leaf.IsBounded = not (Double.IsInfinity leaf.Low && Double.IsInfinity leaf.High)
    member leaf.DType = if leaf.Discrete > 0 then DType.I32 else DType.F32

/// The space of a record's values: its tensors in constructor order, depth first.
type Space =
    {
        Name: string
        Leaves: Leaf[]
    }

    /// The count of numbers, row-major, leaf after leaf.
    member space.Count = space.Leaves |> Array.sumBy (fun l -> l.Count)

/// How a .NET type is taken apart into tensors and put together again.
type internal Shape =
    | Single
    | Fields of (string * Type * obj[])[] * read: (obj -> obj[]) * make: (obj[] -> obj)

/// Reads records, tuples and nested records of tensors.
[<RequireQualifiedAccess>]
module Record =
    let private attributesOf (p: PropertyInfo) (parameter: ParameterInfo) =
        [|
            if not (isNull p) then
                yield! p.GetCustomAttributes(true)
            if not (isNull parameter) then
                yield! parameter.GetCustomAttributes(true)
        |]

    /// A type's name as its user knows it: without the count of its parameters.
    let private nameOf (t: Type) = t.Name.Split('`')[0]

    let private isTuple (t: Type) = FSharpType.IsTuple t

    let private ofProperties (properties: PropertyInfo[]) make =
        let fields = properties |> Array.map (fun p -> p.Name, p.PropertyType, attributesOf p null)
        Fields(fields, (fun o -> properties |> Array.map (fun p -> p.GetValue o)), make)

    /// C# positional records and other types whose constructor takes what their properties hold.
    let private ofConstructor (t: Type) =
        let property (p: ParameterInfo) =
            t.GetProperty(p.Name, BindingFlags.Public ||| BindingFlags.Instance ||| BindingFlags.IgnoreCase)

        let matching (c: ConstructorInfo) = c.GetParameters() |> Array.forall (fun p -> not (isNull (property p)))

        t.GetConstructors()
        |> Array.filter matching
        |> Array.sortByDescending (fun c -> c.GetParameters().Length)
        |> Array.tryHead
        |> Option.map (fun c ->
            let pairs = c.GetParameters() |> Array.map (fun p -> property p, p)
            let fields = pairs |> Array.map (fun (p, q) -> p.Name, p.PropertyType, attributesOf p q)
            Fields(fields, (fun o -> pairs |> Array.map (fun (p, _) -> p.GetValue o)), (fun values -> c.Invoke values)))

    let private shapeOf (path: string) (t: Type) =
        if t = typeof<Tensor> then
            Single
        elif t = typeof<unit> then
            Fields([||], (fun _ -> [||]), (fun _ -> box ()))
        elif isTuple t then
            let elements = FSharpType.GetTupleElements t |> Array.mapi (fun k e -> $"Item{k + 1}", e, [||])
            Fields(elements, FSharpValue.GetTupleFields, (fun values -> FSharpValue.MakeTuple(values, t)))
        elif FSharpType.IsRecord(t, true) then
            ofProperties (FSharpType.GetRecordFields(t, true)) (fun values -> FSharpValue.MakeRecord(t, values, true))
        else
            let found =
                if t.IsPrimitive || t = typeof<string> || t.IsArray || FSharpType.IsUnion(t, true) then
                    None
                else
                    ofConstructor t

            match found with
            | Some(Fields(fields, _, _) as shape) when fields.Length > 0 || t.GetProperties().Length = 0 -> shape
            | _ ->
                Fail.model
                    $"The field \"{path}\" is of type {nameOf t}; a record of a model holds tensors."
                    "Make it a Tensor, a record of tensors, or a tuple of them."

    let private find<'a> (attributes: obj[]) =
        attributes
        |> Array.tryPick (function
            | :? 'a as a -> Some a
            | _ -> None)

    let private leaf path (attributes: obj[]) =
        let discrete = find<DiscreteAttribute> attributes |> Option.map (fun d -> d.Count)

        if discrete |> Option.exists (fun n -> n < 1) then
            Fail.model $"The field \"{path}\" has {discrete.Value} values." "Give it at least 1."

        let low, high =
            match find<WithinAttribute> attributes with
            | Some w when not (w.Low < w.High) ->
                Fail.model $"The field \"{path}\" has limits {w.Low} … {w.High}, which are reversed or empty." "Give the low limit first."
            | Some w -> w.Low, w.High
            | None ->
                match discrete with
                | Some n -> 0.0, double (n - 1)
                | None -> Double.NegativeInfinity, Double.PositiveInfinity

        let sizes = find<SizeAttribute> attributes |> Option.map (fun s -> s.Sizes) |> Option.defaultValue [||]

        if sizes |> Array.exists (fun n -> n < 1) then
            Fail.model $"The field \"{path}\" has size {Fail.shape sizes}." "Sizes are at least 1."

        {
            Path = path
            Shape = sizes
            Low = low
            High = high
            Discrete = Option.defaultValue 0 discrete
        }

    let rec private leavesOf (path: string) (t: Type) (attributes: obj[]) (within: Type list) : Leaf list =
        if List.contains t within then
            Fail.model $"The record {nameOf t} contains itself." "A record of a model has a finite number of tensors."

        match shapeOf path t with
        | Single -> [ leaf path attributes ]
        | Fields(fields, _, _) ->
            [
                for name, fieldType, fieldAttributes in fields do
                    let inner = if path = "" then name else path + "." + name
                    yield! leavesOf inner fieldType fieldAttributes (t :: within)
            ]

    /// The space of values of a type.
    let space<'T> () : Space =
        {
            Name = nameOf typeof<'T>
            Leaves = leavesOf "" typeof<'T> [||] [] |> Array.ofList
        }

    let rec private flatten (owner: string) (path: string) (t: Type) (value: obj) : Tensor list =
        match shapeOf path t with
        | Single ->
            match value with
            | :? Tensor as x -> [ x ]
            | _ when path = "" -> Fail.model "A tensor was expected; null came." "Return a tensor."
            | _ -> Fail.model $"The field \"{path}\" of {owner} is null." "Give every field of the record a tensor."
        | Fields(fields, read, _) ->
            if isNull value && fields.Length > 0 then
                Fail.model $"A record {nameOf t} was expected; null came." "Return a record with all its fields."

            let values = if fields.Length = 0 then [||] else read value

            [
                for (name, fieldType, _), v in Array.zip fields values do
                    yield! flatten owner (if path = "" then name else path + "." + name) fieldType v
            ]

    /// The tensors of a record, in constructor order, depth first.
    let toTensors<'T> (value: 'T) : Tensor[] = flatten (nameOf typeof<'T>) "" typeof<'T> (box value) |> Array.ofList

    let rec private build (t: Type) (tensors: Queue<Tensor>) : obj =
        match shapeOf "" t with
        | Single -> box (tensors.Dequeue())
        | Fields(fields, _, make) -> fields |> Array.map (fun (_, fieldType, _) -> build fieldType tensors) |> make

    /// The record made of these tensors.
    let ofTensors<'T> (tensors: Tensor[]) : 'T = build typeof<'T> (Queue<Tensor> tensors) :?> 'T

    /// The same record with every tensor mapped.
    let map<'T> (f: Tensor -> Tensor) (value: 'T) : 'T = toTensors value |> Array.map f |> ofTensors<'T>

    /// Checks a record against its declared shapes; `what` names who made it.
    let check<'T> (what: string) (space: Space) (value: 'T) : Tensor[] =
        let tensors = toTensors value

        for l, x in Array.zip space.Leaves tensors do
            if x.Shape <> l.Shape then
                Fail.model
                    $"{what}: the field \"{l.Path}\" of {space.Name} is declared with shape {Fail.shape l.Shape}; {Fail.shape x.Shape} came."
                    "Mend the shape, or declare it with [Size(…)]."

        tensors
