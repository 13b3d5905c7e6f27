namespace Inference

open System.Collections.Generic

/// Coefficients times elements of one site, summed over trailing axes.
type internal LinearTerm =
    {
        /// The value of the site that is read.
        Of: Tensor
        /// The site's elements, moved to where they are read; their values are as they were.
        Read: Tensor
        /// Of the shape of `Read`.
        Coefficient: Tensor
        /// How many of the trailing axes of `Read` are summed over.
        Axes: int
    }

/// Σ coefficient·element + offset.
type internal LinearForm = { Terms: LinearTerm list; Offset: Tensor }

/// How a value depends on the values of sites.
[<RequireQualifiedAccess>]
type internal Reading =
    /// Not at all.
    | Constant
    | Linear of LinearForm
    | Nonlinear

/// Linear forms, as they are read from the graph of a program.
[<RequireQualifiedAccess>]
module internal LinearForms =
    /// A value of an element shape, repeated along further axes up to another shape.
    let along (shape: int[]) (x: Tensor) =
        if x.Shape = shape then
            x
        else
            Build.broadcast (Array.init shape.Length (fun a -> if a < x.Shape.Length then a else -1)) shape x

    /// The trailing axes that are summed over.
    let axesOf (t: LinearTerm) = [| t.Read.Shape.Length - t.Axes .. t.Read.Shape.Length - 1 |]

    /// Whether all elements are one known number.
    let isAll (value: double) (x: Tensor) =
        match x.Op with
        | Op.Constant values -> Array.forall ((=) value) values
        | _ -> false

    /// A product; known zeros and ones are not computed.
    let private times (a: Tensor) (b: Tensor) =
        let product = a * b

        if isAll 0.0 a || isAll 0.0 b then
            Build.constantOf product.DType product.Shape [| 0.0 |]
        elif isAll 1.0 a && b.Shape = product.Shape then
            b
        elif isAll 1.0 b && a.Shape = product.Shape then
            a
        else
            product

    let private plus (a: Tensor) (b: Tensor) =
        if isAll 0.0 a && b.Shape.Length >= a.Shape.Length then b
        elif isAll 0.0 b && a.Shape.Length >= b.Shape.Length then a
        else a + b

    let scaled (c: Tensor) (f: LinearForm) =
        {
            Terms = f.Terms |> List.map (fun t -> { t with Coefficient = times t.Coefficient (along t.Read.Shape c) })
            Offset = times f.Offset c
        }

    let private isSameRead (a: LinearTerm) (b: LinearTerm) = a.Axes = b.Axes && Sameness.equal a.Read b.Read

    /// Terms that read the same elements become one.
    let private gathered (terms: LinearTerm list) =
        let add (found: LinearTerm list) (t: LinearTerm) =
            if found |> List.exists (isSameRead t) then
                found
                |> List.map (fun own ->
                    if isSameRead own t then
                        { own with Coefficient = plus own.Coefficient t.Coefficient }
                    else
                        own)
            else
                found @ [ t ]

        List.fold add [] terms

    let sum (a: LinearForm) (b: LinearForm) = { Terms = gathered (a.Terms @ b.Terms); Offset = plus a.Offset b.Offset }
    let minus (f: LinearForm) = scaled (Build.scalar f.Offset.DType -1.0) f
    let constant (x: Tensor) = { Terms = []; Offset = x }

    /// A node that moves elements, on another operand, which has further trailing axes.
    let private moved (x: Tensor) (axes: int) (y: Tensor) : Tensor option =
        let further = Array.skip (y.Shape.Length - axes) y.Shape
        let shape = Array.append x.Shape further
        let operand = y.Shape.Length - axes

        match x.Op with
        | Op.Check _
        | Op.Probe _ -> Some y
        | Op.Convert -> Some(Build.convert x.DType y)
        | Op.Stack i -> Some(Structure.stack i y)
        | Op.Unstack i -> Some(Structure.unstack i y)
        | Op.Gather -> Some(Shapes.gather y x.Inputs[1])
        | Op.Reshape -> Some(Shapes.reshape shape y)
        | Op.Broadcast from -> Some(Build.broadcast (Array.append from [| operand .. operand + axes - 1 |]) shape y)
        | Op.Transpose order -> Some(Shapes.transpose (Array.append order [| operand .. operand + axes - 1 |]) y)
        | Op.Slice _
        | Op.Reverse _
        | Op.DynamicSlice when axes = 0 -> Some(Build.node x.Op (Array.append [| y |] (Array.tail x.Inputs)) x.Shape x.DType)
        | _ -> None

    /// A number that all elements share needs no moving.
    let private movedCoefficient (x: Tensor) (axes: int) (read: Tensor) (c: Tensor) =
        match c.Op with
        | Op.Constant [| _ |] -> Some(Build.constantOf c.DType read.Shape (Known.numbers c).Value)
        | _ -> moved x axes c

    let private move (x: Tensor) (f: LinearForm) : Reading =
        let term (t: LinearTerm) =
            moved x t.Axes t.Read
            |> Option.bind (fun read ->
                movedCoefficient x t.Axes read t.Coefficient
                |> Option.map (fun c -> { t with Read = read; Coefficient = c }))

        let terms = f.Terms |> List.map term

        match moved x 0 f.Offset |> Option.bind (fun whole -> movedCoefficient x 0 whole f.Offset) with
        | Some offset when List.forall Option.isSome terms -> Reading.Linear { Terms = gathered (List.choose id terms); Offset = offset }
        | _ -> Reading.Nonlinear

    /// A sum over axes and indices: they become trailing axes, which are summed over later.
    let private summed (x: Tensor) (axes: int[]) (indices: FreeIndex list) (f: LinearForm) : Reading =
        let stack (y: Tensor) = List.fold (fun y i -> Structure.stack i y) y indices
        let n = indices.Length
        let gone = Array.append [| 0 .. n - 1 |] (axes |> Array.map (fun a -> a + n))

        let behind (y: Tensor) =
            let y = stack y
            let kept = [| 0 .. y.Shape.Length - 1 |] |> Array.filter (fun a -> not (Array.contains a gone))
            Shapes.transpose (Array.append kept gone) y

        let terms =
            f.Terms
            |> List.map (fun t ->
                t.Axes,
                { t with
                    Read = behind t.Read
                    Coefficient = behind t.Coefficient
                    Axes = gone.Length
                })

        if terms |> List.forall (fun (before, _) -> before = 0) then
            Reading.Linear { Terms = List.map snd terms; Offset = Structure.sum axes indices f.Offset }
        else
            Reading.Nonlinear

    /// A contraction with a constant, as a product that is summed over.
    let private contracted (left: int[]) (right: int[]) (indices: FreeIndex list) (isFirst: bool) (c: Tensor) (f: LinearForm) : Reading =
        let stack (y: Tensor) = List.fold (fun y i -> Structure.stack i y) y indices
        let n = indices.Length
        let shifted axes = Array.append [| 0 .. n - 1 |] (axes |> Array.map (fun a -> a + n))
        let own, other = (if isFirst then shifted left, shifted right else shifted right, shifted left)

        let rest (y: Tensor) gone =
            [| 0 .. y.Shape.Length - 1 |] |> Array.filter (fun a -> not (Array.contains a gone))

        let product (t: LinearTerm) =
            let read, coefficient, c = stack t.Read, stack t.Coefficient, stack c
            let ownRest, otherRest = rest read own, rest c other
            let outer = ownRest.Length + otherRest.Length
            let start, otherStart = if isFirst then 0, ownRest.Length else otherRest.Length, 0

            let shape = Array.create (outer + own.Length) 0
            ownRest |> Array.iteri (fun k a -> shape[start + k] <- read.Shape[a])
            otherRest |> Array.iteri (fun k a -> shape[otherStart + k] <- c.Shape[a])
            own |> Array.iteri (fun k a -> shape[outer + k] <- read.Shape[a])

            let spread from (kept: int[]) (gone: int[]) (y: Tensor) =
                Build.broadcast
                    (Array.init shape.Length (fun a ->
                        if a >= outer then gone[a - outer]
                        elif a >= from && a < from + kept.Length then kept[a - from]
                        else -1))
                    shape
                    y

            {
                Of = t.Of
                Read = spread start ownRest own read
                Coefficient = spread start ownRest own coefficient * spread otherStart otherRest other c
                Axes = own.Length
            }

        if f.Terms |> List.forall (fun t -> t.Axes = 0) then
            let offset =
                if isFirst then
                    Structure.dot Semiring.SumProduct left right indices f.Offset c
                else
                    Structure.dot Semiring.SumProduct left right indices c f.Offset

            Reading.Linear { Terms = List.map product f.Terms; Offset = offset }
        else
            Reading.Nonlinear

    let private chosen (condition: Tensor) (a: LinearForm) (b: LinearForm) =
        let one, zero = Build.scalar a.Offset.DType 1.0, Build.scalar a.Offset.DType 0.0
        let first = Build.select condition (along a.Offset.Shape one) zero

        {
            Terms = gathered ((scaled first a).Terms @ (scaled (1.0 - first) b).Terms)
            Offset = Build.select condition a.Offset b.Offset
        }

    /// What a node makes of what its operands are.
    let private combine (x: Tensor) (operands: Reading[]) : Reading =
        let form k =
            match operands[k] with
            | Reading.Linear f -> Some f
            | Reading.Constant -> Some(constant x.Inputs[k])
            | Reading.Nonlinear -> None

        let both k j f =
            match form k, form j with
            | Some a, Some b -> f a b
            | _ -> Reading.Nonlinear

        let only k f =
            match operands[k] with
            | Reading.Linear a -> f a
            | Reading.Constant
            | Reading.Nonlinear -> Reading.Nonlinear

        let isConstant k = operands[k] = Reading.Constant

        match x.Op with
        | Op.Unary UnaryOp.Neg -> only 0 (minus >> Reading.Linear)
        | Op.Binary BinaryOp.Add -> both 0 1 (fun a b -> Reading.Linear(sum a b))
        | Op.Binary BinaryOp.Sub -> both 0 1 (fun a b -> Reading.Linear(sum a (minus b)))
        | Op.Binary BinaryOp.Mul when isConstant 0 -> only 1 (scaled x.Inputs[0] >> Reading.Linear)
        | Op.Binary BinaryOp.Mul when isConstant 1 -> only 0 (scaled x.Inputs[1] >> Reading.Linear)
        | Op.Binary BinaryOp.Div when isConstant 1 -> only 0 (scaled (1.0 / x.Inputs[1]) >> Reading.Linear)
        | Op.Select when isConstant 0 -> both 1 2 (fun a b -> Reading.Linear(chosen x.Inputs[0] a b))
        | Op.Reduce(ReduceOp.Sum, axes, indices) -> only 0 (summed x axes indices)
        | Op.Dot(Semiring.SumProduct, l, r, i) when isConstant 1 -> only 0 (contracted l r i true x.Inputs[1])
        | Op.Dot(Semiring.SumProduct, l, r, i) when isConstant 0 -> only 1 (contracted l r i false x.Inputs[0])
        | Op.Check _ -> only 0 (move x)
        | _ when x.Inputs.Length > 0 && Array.forall isConstant [| 1 .. x.Inputs.Length - 1 |] && x.DType.IsFloat -> only 0 (move x)
        | _ -> Reading.Nonlinear

    let private ofWhole (x: Tensor) =
        {
            Terms =
                [
                    {
                        Of = x
                        Read = x
                        Coefficient = Build.constantOf x.DType x.Shape [| 1.0 |]
                        Axes = 0
                    }
                ]
            Offset = Build.constantOf x.DType x.Shape [| 0.0 |]
        }

    /// What each value is, of all that some values need, of the values of sites.
    let read (sites: Tensor seq) : Tensor -> Reading =
        let known = Dictionary<Tensor, Reading>(HashIdentity.Reference)

        for x in sites do
            known[x] <- Reading.Linear(ofWhole x)

        let sites = List.ofSeq sites

        let one (x: Tensor) =
            match x.Op with
            | Op.Carry _
            | Op.Final _ ->
                if sites |> List.exists (fun s -> Dependence.needs s x) then
                    Reading.Nonlinear
                else
                    Reading.Constant
            | _ ->
                let operands = x.Inputs |> Array.map (fun y -> known[y])

                if operands |> Array.forall (fun r -> r = Reading.Constant) then
                    Reading.Constant
                else
                    combine x operands

        fun x ->
            for y in Traverse.postOrderUntil known.Keys [ x ] do
                if not (known.ContainsKey y) then
                    known[y] <- one y

            known[x]
