namespace Inference

/// What becomes of a joint Gaussian when a variable joins it, and when something is observed of it.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module internal GaussianMoments =
    let empty = { Variables = []; Mean = Map.empty; Slope = Map.empty; Covariance = Map.empty }

    let covariance i j (g: GaussianMoments) = Blocks.symmetric i j g.Covariance
    let has (v: GaussianVariable) (g: GaussianMoments) = g.Variables |> List.exists (fun o -> o.Id = v.Id)

    /// Pairs i ≤ j of variables.
    let pairs (variables: GaussianVariable list) =
        [
            for a in variables do
                for b in variables do
                    if a.Id <= b.Id then
                        a, b
        ]

    /// The terms of an affine form in variables of a joint, and the others.
    let private own (g: GaussianMoments) (form: AffineForm) = form.Terms |> List.partition (fun (v, _) -> has v g)

    /// The mean of an affine form, and its slopes by outer variables, whose means are given.
    let private image outer (g: GaussianMoments) (form: AffineForm) =
        let inside, outside = own g form

        let mean =
            Blocks.sum
                [
                    yield form.Offset

                    for v, c in inside do
                        yield Blocks.apply c (Blocks.find v.Id g.Mean)

                    for v, c in outside do
                        yield Blocks.apply c (Blocks.find v.Id outer)
                ]

        let slopes =
            let through = g.Slope |> Map.toList |> List.map (fun ((_, o), _) -> o)
            let direct = outside |> List.map (fun (v, _) -> v.Id)

            [
                for o in List.distinct (through @ direct) ->
                    let ofOuter =
                        outside
                        |> List.tryFind (fun (v, _) -> v.Id = o)
                        |> Option.map (fun (v, c) -> AffineForms.matrix v.DType v c)
                        |> Option.toObj

                    o, Blocks.sum (ofOuter :: [ for v, c in inside -> Blocks.apply c (Blocks.find (v.Id, o) g.Slope) ])
            ]
            |> List.filter (fun (_, x) -> not (isNull x))

        inside, mean, slopes

    /// A variable joins as an affine form of others plus noise of a covariance (null for none).
    let append outer (v: GaussianVariable) (form: AffineForm) (noise: Tensor) (g: GaussianMoments) : GaussianMoments =
        let inside, mean, slopes = image outer g form
        let across (o: GaussianVariable) = Blocks.sum [ for i, c in inside -> Blocks.apply c (covariance i.Id o.Id g) ]
        let crossed = g.Variables |> List.map (fun o -> o, across o)

        let read (i: GaussianVariable, c) =
            match crossed |> List.find (fun (o, _) -> o.Id = i.Id) with
            | _, null -> null
            | _, x -> Blocks.applyRight x c

        let own = Blocks.sum (noise :: List.map read inside)

        {
            Variables = g.Variables @ [ v ]
            Mean = Blocks.set v.Id mean g.Mean
            Slope = slopes |> List.fold (fun m (o, x) -> Blocks.set (v.Id, o) x m) g.Slope
            Covariance =
                crossed
                |> List.fold
                    (fun m (o, x) ->
                        if o.Id < v.Id then
                            Blocks.set (o.Id, v.Id) (Blocks.transposed x) m
                        else
                            Blocks.set (v.Id, o.Id) x m)
                    (Blocks.set (v.Id, v.Id) own g.Covariance)
        }

    /// Only some of the variables.
    let restrict (keep: GaussianVariable -> bool) (g: GaussianMoments) : GaussianMoments =
        let kept = g.Variables |> List.filter keep
        let isKept id = kept |> List.exists (fun v -> v.Id = id)

        {
            Variables = kept
            Mean = g.Mean |> Map.filter (fun i _ -> isKept i)
            Slope = g.Slope |> Map.filter (fun (i, _) _ -> isKept i)
            Covariance = g.Covariance |> Map.filter (fun (i, j) _ -> isKept i && isKept j)
        }

    /// The covariance after an observation A·z + noise with gains K, of the form (I − K·A)·P·(I − K·A)ᵀ + K·R·Kᵀ (Joseph), which stays positive
    /// where a wide prior meets a sharp observation; between variables that are not read themselves P − K·(A·P).
    let private condition (terms: (GaussianVariable * Linear) list) (noise: Tensor) gain (across: Map<int, Tensor>) (g: GaussianMoments) =
        let identity (v: GaussianVariable) = AffineForms.matrix noise.DType v Linear.Identity
        let reads (v: GaussianVariable) = terms |> List.exists (fun (o, _) -> o.Id = v.Id)

        /// The block of I − K·A in a row of gain k.
        let left k (i: GaussianVariable) (j: GaussianVariable) =
            let own = if i.Id = j.Id then identity i else null

            terms
            |> List.tryFind (fun (o, _) -> o.Id = j.Id)
            |> Option.map (fun (_, c) ->
                match c with
                | Linear.Identity -> k
                | Linear.Matrix a -> Blocks.times k a)
            |> Option.toObj
            |> Blocks.minus own

        /// (I − K·A)·P, for a row that is read.
        let half (i: GaussianVariable) (j: GaussianVariable) =
            let others = terms |> List.map fst |> List.filter (fun o -> o.Id <> i.Id)
            Blocks.sum [ for o in i :: others -> Blocks.times (left (gain i) i o) (covariance o.Id j.Id g) ]

        let block (i: GaussianVariable) (j: GaussianVariable) =
            match gain i, gain j with
            | null, _
            | _, null -> covariance i.Id j.Id g
            | ki, kj ->
                match reads i, reads j with
                | false, false -> Blocks.minus (covariance i.Id j.Id g) (Blocks.times ki (Blocks.find j.Id across))
                | true, false -> half i j
                | false, true -> Blocks.transposed (half j i)
                | true, true ->
                    let others = terms |> List.map fst |> List.filter (fun o -> o.Id <> j.Id)
                    let kept = Blocks.sum [ for o in j :: others -> Blocks.timesTransposed (half i o) (left kj j o) ]
                    Blocks.add kept (Blocks.timesTransposed (Blocks.times ki noise) kj)

        pairs g.Variables |> List.fold (fun m (i, j) -> Blocks.set (i.Id, j.Id) (block i j) m) g.Covariance

    /// An affine form whose value is to be zero but for noise of a covariance R, [n, n]: what it says of the variables, and of those outside.
    let observe outer (form: AffineForm) (noise: Tensor) (g: GaussianMoments) : GaussianMoments * GaussianMessage =
        let inside, mean, slopes = image outer g form

        let across =
            Map
                [
                    for o in g.Variables do
                        match Blocks.sum [ for i, c in inside -> Blocks.apply c (covariance i.Id o.Id g) ] with
                        | null -> ()
                        | x -> o.Id, x
                ]

        let read (i: GaussianVariable, c) =
            match Blocks.find i.Id across with
            | null -> null
            | x -> Blocks.applyRight x c

        let spread = Blocks.sum (noise :: List.map read inside)

        let l = Blocks.factor spread
        let whitened = across |> Map.map (fun _ x -> Blocks.solve l x)
        let residual = Blocks.solve l (if isNull mean then null else -mean)
        let slopes = slopes |> List.map (fun (o, x) -> o, Blocks.solve l (-x))
        // K = P·Aᵀ·S⁻¹ = (L⁻¹·A·P)ᵀ·L⁻¹
        let unit = Blocks.solve l (Matrices.identityOf noise.DType l.Shape[0])

        let gains = whitened |> Map.map (fun _ w -> Blocks.transposedTimes w unit)
        let moved (v: GaussianVariable) (e: Tensor) = Blocks.transposedTimes (Blocks.find v.Id whitened) e

        let mean =
            g.Variables
            |> List.fold (fun m v -> Blocks.set v.Id (Blocks.add (Blocks.find v.Id m) (moved v residual)) m) g.Mean

        let slope =
            List.allPairs g.Variables slopes
            |> List.fold (fun m (v, (o, e)) -> Blocks.set (v.Id, o) (Blocks.add (Blocks.find (v.Id, o) m) (moved v e)) m) g.Slope

        let gain (v: GaussianVariable) = Blocks.find v.Id gains

        { g with
            Mean = mean
            Slope = slope
            Covariance = condition inside noise gain across g
        },
        GaussianMessage.ofResidual l residual slopes
