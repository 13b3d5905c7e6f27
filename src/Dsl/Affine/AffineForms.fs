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
        /// The plate or chain whose values it puts together, where that is what stands in the way.
        Mixed: FreeIndex option
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
        let moves = Dependence.moving (nodes variables) order
        let obstacle (x: Tensor) operation mixed = { Operation = operation; Mixed = mixed; Reads = variablesOf variables [| x |] }

        /// Degree 1 or not, the tangents of a power read what it is a power of, and coefficients are tangents.
        let isPower (x: Tensor) =
            match x.Op with
            | Op.Binary BinaryOp.Pow -> moves.Contains x
            | _ -> false

        let mixedBy (x: Tensor) =
            let crossed = if moves.Contains x then crossed x else []

            variablesOf variables (if crossed.IsEmpty then [||] else Traverse.edges x)
            |> List.tryPick (fun v -> crossed |> List.tryFind (fun i -> List.contains i v.Within))

        match Degrees.tryExceed 1 (nodes variables) value |> Option.orElse (Array.tryFind isPower order) with
        | Some x -> Error(obstacle x (Degrees.name x) None)
        | None ->
            match order |> Array.tryPick (fun x -> mixedBy x |> Option.map (fun i -> x, i)) with
            | Some(x, i) -> Error(obstacle x $"what mixes the values of \"{i.Name}\"" (Some i))
            | None -> Ok()

    /// C as a matrix.
    let matrix dtype (v: GaussianVariable) (c: Linear) : Tensor =
        match c with
        | Linear.Identity -> Matrices.identityOf dtype v.Size
        | Linear.Matrix a -> a

    /// The tangents of a value along each element of a variable, others held.
    let private coefficient dtype (variables: GaussianVariable list) (value: Tensor) (v: GaussianVariable) : Linear =
        if obj.ReferenceEquals(bare value, v.Node) && v.Node.DType = dtype then
            Linear.Identity
        else
            Calculus.jacobian (nodes variables) value v.Node |> Build.convert dtype |> Linear.Matrix

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
