namespace Inference

open System.Collections.Generic

/// A variable of a linear-Gaussian model, as a vector of its elements: the value of a latent site, or what a chain carries.
[<ReferenceEquality>]
type internal GaussianVariable =
    {
        /// In order of creation.
        Id: int
        /// As errors name it.
        Name: string
        /// What stands for it in the program's graph.
        Node: Tensor
        /// The plates and chains that it stands in.
        Within: FreeIndex list
        /// That of the model's numbers.
        DType: DType
    }

    member v.Size = v.Node.Count

/// How an affine function reads a variable.
[<RequireQualifiedAccess>]
type internal Linear =
    /// As it is.
    | Identity
    /// Times a matrix, [values, elements of the variable].
    | Matrix of Tensor

/// A value as a vector that is affine in variables: Σ C·z + b.
type internal AffineForm =
    {
        /// b; null for zero.
        Offset: Tensor
        Terms: (GaussianVariable * Linear) list
    }

/// What makes a value not affine.
type internal AffineObstacle =
    {
        /// The operation, as it is read.
        Operation: string
        /// The variables that it reads.
        Reads: GaussianVariable list
    }

/// Affine functions found in the graph: what may move only as a sum of constants times variables. Coefficients are tangents, which do not depend
/// on the variables; constants are what is left with the variables at zero.
[<RequireQualifiedAccess>]
module internal AffineForms =
    let rec bare (x: Tensor) =
        match x.Op with
        | Op.Check _
        | Op.Probe _ -> bare x.Inputs[0]
        | _ -> x

    let nodes (variables: GaussianVariable seq) = variables |> Seq.map (fun v -> v.Node) |> Array.ofSeq

    /// All values that are computed from the variables, in conditions and positions as well, down to the variables.
    let reading (variables: GaussianVariable seq) (order: Tensor[]) : HashSet<Tensor> =
        let reads = HashSet<Tensor>(nodes variables, HashIdentity.Reference)
        let mutable before = -1

        while reads.Count > before do
            before <- reads.Count

            for x in order do
                let operands =
                    match x.Op with
                    | Op.Carry(s, k)
                    | Op.Final(s, k) -> [| s.Inits[k]; s.Nexts[k] |]
                    | _ -> x.Inputs

                if operands |> Array.exists reads.Contains then
                    reads.Add x |> ignore

        reads

    let private order variables (roots: Tensor[]) = Traverse.postOrderUntil (nodes variables) roots

    /// Which variables some values read.
    let variablesOf (variables: GaussianVariable list) (roots: Tensor[]) : GaussianVariable list =
        let held = HashSet<Tensor>(nodes variables, HashIdentity.Reference)
        let found = HashSet<Tensor>(HashIdentity.Reference)

        for r in roots do
            if held.Contains r then
                found.Add r |> ignore

        for x in order variables roots do
            for y in
                (match x.Op with
                 | Op.Carry(s, _)
                 | Op.Final(s, _) -> Array.append s.Inits s.Nexts
                 | _ -> x.Inputs) do
                if held.Contains y then
                    found.Add y |> ignore

        variables |> List.filter (fun v -> found.Contains v.Node)

    /// An operation's name, without its parameters.
    let private named (op: Op) = (OpText.ofOp (fun _ -> 0) (fun _ -> 0) (fun s -> s.Name) op).Split('(', ' ')[0]

    /// What is not affine in a value's own operation, if the operands that read variables are affine in them.
    let private obstacle (reads: Tensor -> bool) (x: Tensor) : string option =
        let moving = x.Inputs |> Array.filter reads

        if not x.DType.IsFloat then
            match x.Op with
            | Op.Binary(BinaryOp.Less | BinaryOp.LessEqual | BinaryOp.Equal) -> Some "a comparison"
            | _ -> Some $"a value of type {x.DType}"
        else
            match x.Op with
            | Op.Unary UnaryOp.Neg
            | Op.Binary(BinaryOp.Add | BinaryOp.Sub) -> None
            | Op.Binary BinaryOp.Mul
            | Op.Dot(Semiring.SumProduct, _, _, _)
            | Op.Convolution _ -> if moving.Length > 1 then Some "a product" else None
            | Op.Binary BinaryOp.Div -> if reads x.Inputs[1] then Some "a quotient" else None
            | Op.Unary _
            | Op.Binary _ -> Some(named x.Op)
            | Op.Select -> if reads x.Inputs[0] then Some "a comparison" else None
            | Op.Convert
            | Op.Reshape
            | Op.Transpose _
            | Op.Broadcast _
            | Op.Slice _
            | Op.Pad _
            | Op.Concat _
            | Op.Reverse _
            | Op.Gather
            | Op.ScatterAdd
            | Op.DynamicSlice
            | Op.DynamicUpdate
            | Op.Stack _
            | Op.Unstack _
            | Op.Window _
            | Op.CumSum _
            | Op.Reduce(ReduceOp.Sum, _, _)
            | Op.Carry _
            | Op.Final _
            | Op.Probe _
            | Op.Check _ -> None
            | Op.Derivative rule -> if rule.Name = "stop" then Some "a stopped gradient" else None
            | Op.Reduce _
            | Op.ArgMax _
            | Op.Dot _
            | Op.TopK _
            | Op.KthLargest _
            | Op.Constant _
            | Op.Input _
            | Op.Position _
            | Op.ExtentOf _
            | Op.Iota
            | Op.Random _
            | Op.Philox _ -> Some(named x.Op)

    /// The indices whose values an operation puts together.
    let private crossed (x: Tensor) : FreeIndex list =
        match x.Op with
        | Op.Reduce(_, _, held)
        | Op.Dot(_, _, _, held)
        | Op.Convolution(_, _, held) -> held
        | Op.Stack i -> [ i ]
        | Op.Final(scan, _)
        | Op.Carry(scan, _) -> [ scan.Index ]
        | _ -> []

    /// Checks that a value is affine in the variables, and that none of it mixes values of the plates and steps that they stand in.
    let check (variables: GaussianVariable list) (value: Tensor) : Result<unit, AffineObstacle> =
        let order = order variables [| value |]
        let reads = reading variables order
        let own = HashSet<Tensor>(nodes variables, HashIdentity.Reference)

        let mixed (x: Tensor) =
            match crossed x with
            | [] -> None
            | indices ->
                variablesOf variables (Traverse.edges x)
                |> List.tryPick (fun v -> indices |> List.tryFind (fun i -> List.contains i v.Within))
                |> Option.map (fun i -> $"what mixes the values of \"{i.Name}\"")

        let obstacleOf (x: Tensor) =
            if own.Contains x || not (reads.Contains x) then
                None
            else
                obstacle reads.Contains x
                |> Option.orElseWith (fun () -> mixed x)
                |> Option.map (fun operation -> { Operation = operation; Reads = variablesOf variables [| x |] })

        match Array.tryPick obstacleOf order with
        | Some o -> Error o
        | None -> Ok()

    let identity dtype n =
        Build.constantOf dtype [| n; n |] (Array.init (n * n) (fun k -> if k / n = k % n then 1.0 else 0.0))

    /// C as a matrix.
    let matrix dtype (v: GaussianVariable) (c: Linear) : Tensor =
        match c with
        | Linear.Identity -> identity dtype v.Size
        | Linear.Matrix a -> a

    /// The tangents of a value along each element of a variable, others held.
    let private coefficient dtype (variables: GaussianVariable list) (value: Tensor) (v: GaussianVariable) : Linear =
        if obj.ReferenceEquals(bare value, v.Node) && v.Node.DType = dtype then
            Linear.Identity
        else
            let direction = FreeIndex($"element of variable {v.Id}", Extent.Fixed v.Size, IndexKind.Plate)

            let seed =
                identity v.Node.DType v.Size
                |> Shapes.reshape (Array.append [| v.Size |] v.Node.Shape)
                |> Structure.unstack direction

            let tangent = (Calculus.jvpHolding (nodes variables) [| value |] [| v.Node |] [| seed |])[0]

            Structure.stack direction tangent
            |> Shapes.reshape [| v.Size; value.Count |]
            |> Shapes.transpose [| 1; 0 |]
            |> Build.convert dtype
            |> Linear.Matrix

    /// A value that was checked, as an affine form.
    let ofValue dtype (variables: GaussianVariable list) (value: Tensor) : AffineForm =
        let read = variablesOf variables [| value |]
        let offset = AtZero.value (nodes read) value

        {
            Offset =
                (if isNull offset then
                     null
                 else
                     Build.convert dtype (Shapes.reshape [| value.Count |] offset))
            Terms = read |> List.map (fun v -> v, coefficient dtype variables value v)
        }

    /// The difference of two affine forms.
    let minus (a: AffineForm) (b: AffineForm) : AffineForm =
        let difference (v: GaussianVariable) =
            let find (form: AffineForm) = form.Terms |> List.tryFind (fun (o, _) -> o.Id = v.Id) |> Option.map snd
            let matrixOf c = matrix v.DType v c

            match find a, find b with
            | Some c, None -> c
            | c, Some d ->
                let first = c |> Option.map matrixOf |> Option.toObj
                Linear.Matrix(Tangents.add first -(matrixOf d))
            | None, None -> invalidOp "A variable of neither form."

        {
            Offset = (if isNull b.Offset then a.Offset else Tangents.add a.Offset -b.Offset)
            Terms =
                List.map fst a.Terms @ List.map fst b.Terms
                |> List.distinctBy (fun v -> v.Id)
                |> List.map (fun v -> v, difference v)
        }
