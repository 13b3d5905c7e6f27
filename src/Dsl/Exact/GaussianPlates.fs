namespace Inference

/// What plates say of the variables outside them, taken in: natural parameters of all values of a plate, added up.
[<RequireQualifiedAccess>]
module internal GaussianPlates =
    /// Blocks of one matrix.
    let private dense dtype (rows: int list) (columns: int list) (block: int -> int -> Tensor) : Tensor =
        [|
            for i, n in List.indexed rows ->
                [|
                    for j, m in List.indexed columns ->
                        match block i j with
                        | null -> Build.constantOf dtype [| n; m |] [| 0.0 |]
                        | x -> x
                |]
                |> Shapes.concat 1
        |]
        |> Shapes.concat 0

    let private vector dtype (sizes: int list) (block: int -> Tensor) : Tensor =
        [|
            for i, n in List.indexed sizes ->
                match block i with
                | null -> Build.constantOf dtype [| n |] [| 0.0 |]
                | x -> x
        |]
        |> Shapes.concat 0

    let private starts (sizes: int list) = List.scan (+) 0 sizes

    /// The outer variables that a message, or the slopes of a joint, read.
    let private outside (own: GaussianVariable list) (g: GaussianMoments) (m: GaussianMessage) : int list =
        let isOwn id = own |> List.exists (fun v -> v.Id = id)

        [
            for KeyValue(i, _) in m.Natural do
                yield i

            for KeyValue((i, j), _) in m.Precision do
                yield i
                yield j

            for KeyValue((_, o), _) in g.Slope do
                yield o
        ]
        |> List.distinct
        |> List.filter (isOwn >> not)

    /// A message of deviations from the means of some variables and of those outside: with P = C·Cᵀ and D·Dᵀ = I + Cᵀ·J·C the covariance becomes
    /// P' = (P⁻¹ + J)⁻¹ = Vᵀ·V with V = D⁻¹·Cᵀ, the mean moves by P'·h, and the evidence is exp(½ hᵀP'h)/det D.
    let absorb (sizeOf: int -> int) (message: GaussianMessage) (g: GaussianMoments) : GaussianMoments * GaussianMessage =
        let isRead (v: GaussianVariable) =
            message.Natural.ContainsKey v.Id
            || message.Precision |> Map.exists (fun (i, j) _ -> i = v.Id || j = v.Id)

        let read = g.Variables |> List.filter isRead

        if read.IsEmpty then
            g, message
        else
            let dtype, sizes = read.Head.DType, read |> List.map (fun v -> v.Size)
            let id k = read[k].Id
            let n = List.sum sizes
            let outer = outside g.Variables g message
            let h = vector dtype sizes (fun i -> Blocks.find (id i) message.Natural)
            let j = dense dtype sizes sizes (fun a b -> GaussianMessage.precision (id a) (id b) message)
            let p = dense dtype sizes sizes (fun a b -> GaussianMoments.covariance (id a) (id b) g)
            let c = Blocks.factor p

            let d = Blocks.factor (Matrices.identityOf dtype n + Blocks.transposedTimes c (Blocks.times j c))

            let v = Blocks.solve d (Blocks.transposed c)
            let posterior = Blocks.transposedTimes v v
            let shift = Blocks.times posterior h
            // (I + J·P)⁻¹·x, by which what is correlated with the variables moves
            let left x = Blocks.minus x (Blocks.times j (Blocks.times posterior x))
            let index (o: GaussianVariable) = read |> List.tryFindIndex (fun v -> v.Id = o.Id)
            let rows k (x: Tensor) = Shapes.part 0 (starts sizes).[k] (starts sizes).[k + 1] x

            /// The covariance of a variable with those that are read, [n, all].
            let across (o: GaussianVariable) =
                dense dtype [ o.Size ] sizes (fun _ b -> GaussianMoments.covariance o.Id (id b) g)

            /// What P'·x is to a variable that is read, and to others through their covariance with these.
            let effect (x: Tensor) (o: GaussianVariable) =
                match index o with
                | Some k -> rows k (Blocks.times posterior x)
                | None -> Blocks.times (across o) (left x)

            let slopes =
                outer
                |> List.map (fun o -> o, dense dtype sizes [ sizeOf o ] (fun a _ -> Blocks.find (id a, o) g.Slope))

            let directs =
                outer
                |> List.map (fun o -> o, dense dtype sizes [ sizeOf o ] (fun a _ -> GaussianMessage.precision (id a) o message))
                |> Map

            /// How the gradient by the variables falls with outer ones.
            let falls = Map [ for o, x in slopes -> o, Blocks.add (Blocks.times j x) directs[o] ]

            let covariance (a: GaussianVariable) (b: GaussianVariable) =
                match index a, index b with
                | Some k, Some l -> rows k posterior |> Shapes.part 1 (starts sizes).[l] (starts sizes).[l + 1]
                | _ ->
                    let t = left j
                    let taken = Blocks.timesTransposed (Blocks.times (across a) t) (across b)
                    Blocks.minus (GaussianMoments.covariance a.Id b.Id g) taken

            let moments =
                { g with
                    Mean =
                        g.Variables
                        |> List.fold (fun m o -> Blocks.set o.Id (Blocks.add (Blocks.find o.Id m) (effect h o)) m) g.Mean
                    Slope =
                        List.allPairs g.Variables outer
                        |> List.fold
                            (fun m (v, o) -> Blocks.set (v.Id, o) (Blocks.minus (Blocks.find (v.Id, o) m) (effect falls[o] v)) m)
                            g.Slope
                    Covariance =
                        GaussianMoments.pairs g.Variables
                        |> List.fold (fun m (a, b) -> Blocks.set (a.Id, b.Id) (covariance a b) m) g.Covariance
                }

            let natural (o, x) =
                let through = Blocks.minus (Blocks.transposedTimes x h) (Blocks.transposedTimes falls[o] shift)
                o, Blocks.add (Blocks.find o message.Natural) through

            let precision ((o, x), (q, y)) =
                let direct =
                    Blocks.sum
                        [
                            GaussianMessage.precision o q message
                            Blocks.transposedTimes x (Blocks.times j y)
                            Blocks.transposedTimes x directs[q]
                            Blocks.transposedTimes directs[o] y
                        ]

                (o, q), Blocks.minus direct (Blocks.transposedTimes falls[o] (Blocks.times posterior falls[q]))

            moments,
            {
                Fit = Blocks.add message.Fit (0.5 * all (h * shift))
                Determinant = Blocks.minus message.Determinant (Blocks.logDeterminant d)
                Natural = Map(List.map natural slopes)
                Precision =
                    List.allPairs slopes slopes
                    |> List.filter (fun ((o, _), (q, _)) -> o <= q)
                    |> List.map precision
                    |> Map
            }
