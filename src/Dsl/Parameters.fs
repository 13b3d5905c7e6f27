namespace Inference

open System

/// The numbers that a parameter starts from: a function of its shape and of a source of uniform draws in (0, 1) by number. A matrix
/// is [outputs, inputs]; further axes of a convolution's kernel count as inputs.
[<Sealed; AllowNullLiteral>]
type Initializer(name: string, numbers: int[] -> (int -> double) -> double[]) =
    static let fans (shape: int[]) =
        match shape with
        | [||] -> 1.0, 1.0
        | [| n |] -> double n, double n
        | _ ->
            let inputs = Build.size (Array.tail shape)
            double inputs, double shape[0] * double inputs / double shape[1]

    static let uniform name (limit: double -> double -> double) =
        Initializer(
            name,
            fun shape draw ->
                let l = fans shape ||> limit
                Array.init (Build.size shape) (fun k -> l * (2.0 * draw k - 1.0))
        )

    /// Box–Muller on consecutive pairs of draws.
    static let normals count (draw: int -> double) =
        Array.init count (fun k ->
            let pair = k / 2 * 2
            let radius = sqrt (-2.0 * log (draw pair))
            let angle = 2.0 * Math.PI * draw (pair + 1)
            radius * (if k % 2 = 0 then cos angle else sin angle))

    /// Rows made orthonormal one after another (modified Gram–Schmidt); more rows than columns: columns are.
    static let orthogonal (gain: double) (shape: int[]) draw =
        let rows, columns = shape[0], Build.size (Array.tail shape)
        let few, many = min rows columns, max rows columns
        let drawn = normals (few * many) draw
        let q = Array.init few (fun r -> Array.sub drawn (r * many) many)

        for r in 0 .. few - 1 do
            for s in 0 .. r - 1 do
                let along = Array.fold2 (fun sum a b -> sum + a * b) 0.0 q[r] q[s]
                q[r] <- Array.map2 (fun a b -> a - along * b) q[r] q[s]

            let length = sqrt (Array.sumBy (fun a -> a * a) q[r])
            q[r] <- q[r] |> Array.map (fun a -> a / length)

        Array.init (rows * columns) (fun k ->
            let r, c = k / columns, k % columns
            gain * (if rows <= columns then q[r].[c] else q[c].[r]))

    override _.ToString() = name
    member internal _.Numbers = numbers

    static member Zeros = Initializer("zeros", fun shape _ -> Array.zeroCreate (Build.size shape))
    static member Ones = Initializer.Constant 1.0

    static member Constant(value: double) =
        Initializer($"constant {value}", (fun shape _ -> Array.create (Build.size shape) value))

    /// Uniform within ±√(6/(inputs + outputs)): Glorot and Bengio, 2010.
    static member Glorot = uniform "Glorot" (fun inputs outputs -> sqrt (6.0 / (inputs + outputs)))

    /// Normal with standard deviation √(2/inputs): He et al., 2015.
    static member He =
        Initializer(
            "He",
            fun shape draw ->
                let inputs, _ = fans shape
                normals (Build.size shape) draw |> Array.map (fun v -> v * sqrt (2.0 / inputs))
        )

    /// Uniform within ±1/√inputs of a layer, for its weights and biases alike: what PyTorch's linear layers start from.
    static member Uniform(inputs: int) = uniform $"uniform of {inputs}" (fun _ _ -> 1.0 / sqrt (double inputs))

    /// Orthonormal rows or columns, whichever are fewer, times a gain: Saxe et al., 2014.
    static member Orthogonal(gain: double) = Initializer("orthogonal", orthogonal gain)

/// Leaves of a graph whose numbers are learnt. A parameter is known by its name; programs that read it keep it as a state.
[<RequireQualifiedAccess>]
module Parameter =
    /// Draws in (0, 1) under the key of a seed and a name (docs/random.md).
    let private draws (name: string) (seed: uint64) : int -> double =
        let struct (low, high) = Philox.hashPath name
        let key = Philox.words low high 0u 0u (uint32 seed) (uint32 (seed >>> 32))

        fun k ->
            let word = (Philox.words 0u 0u (uint32 (k / 4)) 0u key[0] key[1]).[k % 4]
            (double word + 0.5) / 4294967296.0

    /// A parameter of a shape. Each call makes another one: layers that share a parameter share the tensor.
    let create (name: string) (shape: int[]) (initializer: Initializer) : Tensor =
        if String.IsNullOrWhiteSpace name then
            Fail.model "A parameter has no name." "Name it: checkpoints know parameters by their names."

        // files and results tell the states of optimisers by this
        if name.StartsWith("optimizer.", StringComparison.Ordinal) then
            Fail.model
                $"The parameter \"{name}\" has a name of an optimiser's states."
                "Call the network something else than \"optimizer\"."

        if shape |> Array.exists (fun n -> n < 1) then
            Fail.model $"The parameter \"{name}\" has shape {Fail.shape shape}." "Sizes are at least 1."

        let initial = Func<uint64, double[]>(fun seed -> initializer.Numbers shape (draws name seed))
        Tensor(Op.Input(InputSlot(name, true, Location.unknown, initial)), [||], shape, DType.F32, [||])

    let private slotOf (x: Tensor) =
        match x.Op with
        | Op.Input slot when slot.IsParameter -> slot
        | _ -> Fail.model $"{x} is no parameter." "Pass what Parameter or a network's Parameters returned."

    /// The name of a parameter.
    let nameOf (x: Tensor) = (slotOf x).Name

    /// The numbers that a parameter starts from at a seed, row-major.
    let initial (x: Tensor) (seed: uint64) : double[] = (slotOf x).Initial.Invoke seed
