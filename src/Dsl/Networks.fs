namespace Inference

open System
open System.Collections.Generic
open System.Runtime.InteropServices

/// Activations by name; any function of a tensor serves as one.
[<AbstractClass; Sealed>]
type Activation private () =
    static member Identity = Func<Tensor, Tensor> id
    static member Relu = Func<Tensor, Tensor>(fun x -> Build.binary BinaryOp.Max (Build.scalar x.DType 0.0) x)
    static member Tanh = Func<Tensor, Tensor>(fun x -> Build.unary UnaryOp.Tanh x)
    static member Sigmoid = Func<Tensor, Tensor>(fun x -> 0.5 * Build.unary UnaryOp.Tanh (0.5 * x) + 0.5)

    /// x above 0, exp(x) − 1 below: Clevert et al., 2016.
    static member Elu =
        Func<Tensor, Tensor>(fun x ->
            let zero = Build.scalar x.DType 0.0
            // what exp never sees cannot overflow, nor can its derivative
            let value =
                Build.select (Build.binary BinaryOp.Less zero x) x (Build.unary UnaryOp.Expm1 (Build.binary BinaryOp.Min zero x))

            // the slope follows from the value, which the next layer keeps: nothing else of this one need be kept for it
            let slope (y: Tensor) =
                Build.select (Build.binary BinaryOp.Less zero y) (Build.fill y.Shape (Build.scalar y.DType 1.0)) (y + 1.0)

            let tangent y _ (ts: Tensor[]) = if isNull ts[0] then null else ts[0] * slope y
            Calculus.withDerivative { Name = "elu"; Tangent = tangent } [| x |] value)

    /// x · sigmoid(x): Elfwing et al., 2018.
    static member Silu = Func<Tensor, Tensor>(fun x -> x * Activation.Sigmoid.Invoke x)

    /// log(1 + exp x), without overflow.
    static member Softplus = Func<Tensor, Tensor> Special.softplus

/// Named parameters of a layer. Under a plate every member has its own: the stored tensor has the plate as its leading axis.
[<Sealed>]
type LayerParameters(name: string, plate: FreeIndex) =
    let all = List<Tensor>()
    member _.Name = name
    member _.All = all :> IReadOnlyList<Tensor>

    /// A parameter of a shape, as the layer reads it.
    member _.Add(suffix: string, shape: int[], initializer: Initializer) : Tensor =
        if isNull plate then
            let p = Parameter.create $"{name}.{suffix}" shape initializer
            all.Add p
            p
        else
            // each member starts as if it were alone
            let each (members: int[]) (draw: int -> double) =
                let count = Build.size shape
                let room = (count + 3) / 4 * 4

                Array.init members[0] (fun m -> initializer.Numbers shape (fun k -> draw (m * room + k)))
                |> Array.concat

            let p =
                Parameter.create $"{name}.{suffix}" (Array.append [| plate.Capacity |] shape) (Initializer(string initializer, each))

            all.Add p
            Structure.unstack plate p

/// A network: named parameters and what is made of an input.
[<Sealed>]
type Network(name: string, parameters: IReadOnlyList<Tensor>, apply: Func<Tensor, Tensor>) =
    member _.Name = name
    /// The stored parameters, whose names are those of a checkpoint.
    member _.Parameters = parameters
    member _.Apply(x: Tensor) : Tensor = apply.Invoke x

    /// This network, then another.
    member n.Then(next: Network) =
        Network(name, Seq.append parameters next.Parameters |> Array.ofSeq, Func<Tensor, Tensor>(fun x -> next.Apply(n.Apply x)))

/// A network that is applied to what it carried and to an input.
[<Sealed>]
type RecurrentNetwork(name: string, size: int, parameters: IReadOnlyList<Tensor>, step: Func<Tensor, Tensor, Tensor>) =
    member _.Name = name
    /// The size of what is carried.
    member _.Size = size
    member _.Parameters = parameters
    /// What is carried out of a step: from what is carried into it, of shape [size], and the input.
    member _.Apply(carried: Tensor, input: Tensor) : Tensor = step.Invoke(carried, input)

/// Networks. A weight is [outputs, inputs] and is named `name.weight`, as PyTorch has it; layer k of a chain is `name.k`.
[<AbstractClass; Sealed>]
type Net private () =
    static let times (w: Tensor) (x: Tensor) = Structure.dot Semiring.SumProduct [| 1 |] [| 0 |] [] w x

    static let expects (name: string) (size: int) (x: Tensor) =
        if x.Shape <> [| size |] then
            Fail.model
                $"The layer \"{name}\" takes a vector of {size}; {x} came."
                "Give the layer the size of what it is applied to; plates and time steps have no axis."

    static let expectsChannels (name: string) (channels: int) (x: Tensor) =
        if x.Shape.Length <> 3 || x.Shape[0] <> channels then
            Fail.model
                $"The layer \"{name}\" takes [{channels}, height, width]; {x} came."
                "Channels come first; plates and time steps have no axis."

    /// The weights of a convolution and its bias, or null. Both start within ±1/√(all but the first axis), as PyTorch's do.
    static let kernelOf (parameters: LayerParameters) (shape: int[]) outputs bias (weights: Initializer) =
        let alike = Initializer.Uniform(Build.size (Array.tail shape))
        let w = parameters.Add("weight", shape, (if isNull weights then alike else weights))

        let b =
            if bias then
                parameters.Add("bias", [| outputs |], (if isNull weights then alike else Initializer.Zeros))
            else
                null

        w, b

    /// A bias for each channel.
    static let shifted (bias: Tensor) (y: Tensor) = if isNull bias then y else y + Build.broadcast [| 0; -1; -1 |] y.Shape bias

    /// x ↦ W·x + b.
    static member Linear
        (
            name: string,
            inputs: int,
            outputs: int,
            [<Optional; DefaultParameterValue(true)>] bias: bool,
            [<Optional; DefaultParameterValue(null: Initializer)>] weights: Initializer,
            [<Optional; DefaultParameterValue(null: FreeIndex)>] members: FreeIndex
        ) : Network =
        let parameters = LayerParameters(name, members)
        let start = if isNull weights then Initializer.Uniform inputs else weights
        let w = parameters.Add("weight", [| outputs; inputs |], start)

        let b =
            if bias then
                let start = if isNull weights then Initializer.Uniform inputs else Initializer.Zeros
                parameters.Add("bias", [| outputs |], start)
            else
                null

        let apply x =
            expects name inputs x
            let y = times w x
            if isNull b then y else y + b

        Network(name, parameters.All, Func<Tensor, Tensor> apply)

    /// Linear layers of the given sizes, inputs first, with an activation after each but the last.
    static member Mlp
        (
            name: string,
            sizes: int[],
            [<Optional; DefaultParameterValue(null: Func<Tensor, Tensor>)>] activation: Func<Tensor, Tensor>,
            [<Optional; DefaultParameterValue(null: Initializer)>] weights: Initializer,
            [<Optional; DefaultParameterValue(null: FreeIndex)>] members: FreeIndex
        ) : Network =
        if sizes.Length < 2 then
            Fail.model $"The network \"{name}\" has {sizes.Length} sizes." "Give at least two: inputs and outputs."

        let activation = if isNull activation then Activation.Relu else activation

        let layers =
            Array.pairwise sizes
            |> Array.mapi (fun k (inputs, outputs) -> Net.Linear($"{name}.{k}", inputs, outputs, true, weights, members))

        let apply (x: Tensor) =
            layers
            |> Array.indexed
            |> Array.fold (fun x (k, layer) -> if k = 0 then layer.Apply x else layer.Apply(activation.Invoke x)) x

        Network(name, layers |> Seq.collect (fun l -> l.Parameters) |> Array.ofSeq, Func<Tensor, Tensor> apply)

    /// A gated recurrent unit (Cho et al., 2014), in the form whose reset gate multiplies the hidden product: gates reset, update, new
    /// side by side in `name.weight_ih` [3·size, inputs], `name.weight_hh` [3·size, size] and their biases.
    static member Gru
        (name: string, inputs: int, size: int, [<Optional; DefaultParameterValue(null: FreeIndex)>] members: FreeIndex)
        : RecurrentNetwork =
        let parameters = LayerParameters(name, members)
        let start = Initializer.Uniform size
        let wi = parameters.Add("weight_ih", [| 3 * size; inputs |], start)
        let wh = parameters.Add("weight_hh", [| 3 * size; size |], start)
        let bi = parameters.Add("bias_ih", [| 3 * size |], start)
        let bh = parameters.Add("bias_hh", [| 3 * size |], start)
        let part k (x: Tensor) = Shapes.part 0 (k * size) ((k + 1) * size) x

        let step (h: Tensor) (x: Tensor) =
            expects name size h
            expects name inputs x
            let fromInput, fromCarried = times wi x + bi, times wh h + bh
            let gate k = Activation.Sigmoid.Invoke(part k fromInput + part k fromCarried)
            let reset, update = gate 0, gate 1
            let candidate = Build.unary UnaryOp.Tanh (part 2 fromInput + reset * part 2 fromCarried)
            candidate + update * (h - candidate)

        RecurrentNetwork(name, size, parameters.All, Func<Tensor, Tensor, Tensor> step)

    /// (x − mean) / √(variance + ε) · weight + bias over the elements of a vector: Ba et al., 2016.
    static member LayerNorm
        (
            name: string,
            size: int,
            [<Optional; DefaultParameterValue(1e-5)>] epsilon: double,
            [<Optional; DefaultParameterValue(null: FreeIndex)>] members: FreeIndex
        ) : Network =
        let parameters = LayerParameters(name, members)

        let w, b =
            parameters.Add("weight", [| size |], Initializer.Ones), parameters.Add("bias", [| size |], Initializer.Zeros)

        let mean (x: Tensor) = Structure.sum [| 0 |] [] x / double size

        let apply (x: Tensor) =
            expects name size x
            let centred = x - Build.fill x.Shape (mean x)
            let scale = Build.unary UnaryOp.Sqrt (mean (centred * centred) + epsilon)
            centred / Build.fill x.Shape scale * w + b

        Network(name, parameters.All, Func<Tensor, Tensor> apply)

    /// x / √(mean of x² + ε) · weight: Zhang and Sennrich, 2019.
    static member RmsNorm
        (
            name: string,
            size: int,
            [<Optional; DefaultParameterValue(1e-6)>] epsilon: double,
            [<Optional; DefaultParameterValue(null: FreeIndex)>] members: FreeIndex
        ) : Network =
        let parameters = LayerParameters(name, members)
        let w = parameters.Add("weight", [| size |], Initializer.Ones)

        let apply (x: Tensor) =
            expects name size x
            let scale = Build.unary UnaryOp.Sqrt (Structure.sum [| 0 |] [] (x * x) / double size + epsilon)
            x / Build.fill x.Shape scale * w

        Network(name, parameters.All, Func<Tensor, Tensor> apply)

    /// Convolution in two dimensions of [inputs, height, width], with `padding` rows and columns of zeros on each side:
    /// `name.weight` [outputs, inputs, kernel, kernel] and `name.bias` [outputs], as PyTorch's Conv2d has them.
    static member Conv
        (
            name: string,
            inputs: int,
            outputs: int,
            kernel: int,
            [<Optional; DefaultParameterValue(1)>] stride: int,
            [<Optional; DefaultParameterValue(0)>] padding: int,
            [<Optional; DefaultParameterValue(true)>] bias: bool,
            [<Optional; DefaultParameterValue(null: Initializer)>] weights: Initializer,
            [<Optional; DefaultParameterValue(null: FreeIndex)>] members: FreeIndex
        ) : Network =
        let parameters = LayerParameters(name, members)
        let w, b = kernelOf parameters [| outputs; inputs; kernel; kernel |] outputs bias weights

        let apply (x: Tensor) =
            expectsChannels name inputs x

            if padding < 0 then
                Fail.model $"The layer \"{name}\" has a padding of {padding}." "Give 0 or more."

            let around = [| 0; padding; padding |]
            let x = if padding = 0 then x else Shapes.pad around around (Build.scalar x.DType 0.0) x
            Convolutions.forward stride x w |> shifted b

        Network(name, parameters.All, Func<Tensor, Tensor> apply)

    /// Transposed convolution in two dimensions of [inputs, height, width], to (height − 1)·stride + kernel rows and as many columns
    /// from width: `name.weight` [inputs, outputs, kernel, kernel] and `name.bias` [outputs], as PyTorch's ConvTranspose2d has them.
    static member Deconv
        (
            name: string,
            inputs: int,
            outputs: int,
            kernel: int,
            [<Optional; DefaultParameterValue(1)>] stride: int,
            [<Optional; DefaultParameterValue(true)>] bias: bool,
            [<Optional; DefaultParameterValue(null: Initializer)>] weights: Initializer,
            [<Optional; DefaultParameterValue(null: FreeIndex)>] members: FreeIndex
        ) : Network =
        let parameters = LayerParameters(name, members)
        let w, b = kernelOf parameters [| inputs; outputs; kernel; kernel |] outputs bias weights

        let apply (x: Tensor) =
            expectsChannels name inputs x
            let size axis = (x.Shape[axis] - 1) * stride + kernel
            Convolutions.transposed stride (size 1) (size 2) x w |> shifted b

        Network(name, parameters.All, Func<Tensor, Tensor> apply)

    /// Rows of `name.weight` [count, size] by whole numbers.
    static member Embedding
        (name: string, count: int, size: int, [<Optional; DefaultParameterValue(null: FreeIndex)>] members: FreeIndex)
        : Network =
        let parameters = LayerParameters(name, members)
        let w = parameters.Add("weight", [| count; size |], Initializer.Uniform 1)
        Network(name, parameters.All, Func<Tensor, Tensor>(fun at -> Shapes.gather w at))

    /// A function without parameters, as a layer of a chain.
    static member Function(name: string, f: Func<Tensor, Tensor>) = Network(name, [||], f)
