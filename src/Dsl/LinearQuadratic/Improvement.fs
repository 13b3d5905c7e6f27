namespace Inference

open System

/// The backward pass around a trajectory.
type internal Improvement =
    {
        /// V in deviations from the trajectory, [n+1, n+1].
        Value: Tensor
        /// u − ū = gain·(s − s̄, 1), of all that is chosen: [q, n+1].
        Gain: Tensor
        /// [q, q]
        Covariance: Tensor
        /// How much the return rises with the size of the step, at 0, and how that falls.
        Slope: Tensor
        Bend: Tensor
    }

/// What a quadratic model of a process around a trajectory says its actions should become.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module internal Improvement =
    /// Projected Newton steps for actions with limits; one is enough for a single number.
    let private projections m = if m = 1 then 1 else 8

    let private number (x: double) = Build.scalar DType.F64 x
    let private ones condition = Build.select condition (number 1.0) (number 0.0)

    /// The change of actions between limits that is best for a quadratic, and which of them are free.
    let private limited (curvature: Tensor) (slope: Tensor) (low: Tensor) (high: Tensor) : Tensor * Tensor =
        let m = slope.Count
        let clip (x: Tensor) = smaller high (larger low x)

        let freeAt k =
            let uphill = slope - Matrices.product curvature k
            let atLow = both (atMost k low) (less uphill (number 0.0))
            let atHigh = both (atMost high k) (less (number 0.0) uphill)
            ones (Build.unary UnaryOp.Not (Build.binary BinaryOp.Or atLow atHigh)), uphill

        let index = FreeIndex("projection", Extent.Fixed(projections m), IndexKind.Time)

        let finals, _ =
            Structure.scan index [| clip (Build.constantOf DType.F64 [| m |] [| 0.0 |]) |] (fun carried ->
                let free, uphill = freeAt carried[0]
                let l = Factorisations.cholesky (Matrices.among free curvature)
                [| clip (carried[0] + free * Matrices.solve l (free * uphill)) |], ())

        finals[0], fst (freeAt finals[0])

    /// One step of the backward pass: from V of the next state, and the process's derivatives, to V of this one. What is chosen are actions, and under
    /// the exact posterior noise beside them; the dynamics' noise is what is not.
    let step
        (o: Optimal<'S, 'A, 'G>)
        (bounds: (Tensor * Tensor) option)
        (damping: Tensor)
        (dynamics: Tensor)
        (noise: Tensor)
        (reward: Tensor)
        (next: Tensor)
        =
        let n = o.Mdp.StateSpace.Count + 1
        let m = (dynamics: Tensor).Shape[1] - n
        let gamma, alpha = o.Mdp.Discount, o.Temperature
        let whole = reward + gamma * Matrices.congruent next dynamics
        let curvature = -(Matrices.block (n, n + m) (n, n + m) whole)
        let damped = curvature + Build.fill [| m; m |] damping * Matrices.identity m
        let across = Matrices.block (n, n + m) (0, n) whole
        let slope = Shapes.at 1 (n - 1) across

        let change, free =
            match bounds with
            | None -> Matrices.solve (Factorisations.cholesky damped) slope, Build.constantOf DType.F64 [| m |] [| 1.0 |]
            | Some(low, high) -> limited damped slope low high

        // an action at its limit does not answer to the state
        let l = Factorisations.cholesky (Matrices.among free damped)
        let columns = Build.broadcast [| 0; -1 |] [| m; n - 1 |] free
        let answers = Matrices.solve l (columns * Matrices.block (0, m) (0, n - 1) across)
        let gain = Matrices.beside [ answers; Matrices.column change ]

        // an action at its limit does not vary either
        let count = Structure.sum [| 0 |] [] free
        let vary = Matrices.productByTransposed (Matrices.column free) (Matrices.column free)

        let bonus =
            match o.Semantics with
            | PlanningSemantics.Boltzmann -> -0.5 * alpha * count
            | _ ->
                let logDeterminant = 2.0 * Structure.sum [| 0 |] [] (log (Matrices.diagonal l))
                let noises = double (m - o.Mdp.ActionSpace.Count)
                0.5 * alpha * ((count - noises) * Math.Log(2.0 * Math.PI) + count * Math.Log alpha - logDeterminant)

        let luck =
            if isNull noise then
                number 0.0
            else
                0.5
                * gamma
                * Structure.sum [| 0; 1 |] [] (noise * Matrices.product (Matrices.block (0, n - 1) (0, n - 1) next) noise)

        let value =
            Matrices.congruent whole (Matrices.below [ Matrices.identity n; gain ])
            + Matrices.atCorner n (2.0 * (bonus + luck))

        {
            Value = value
            Gain = gain
            Covariance = alpha * vary * Matrices.symmetric (Matrices.solve l (Matrices.identity m))
            Slope = Structure.sum [| 0 |] [] (slope * change)
            Bend = Structure.sum [| 0 |] [] (change * Matrices.product curvature change)
        }
