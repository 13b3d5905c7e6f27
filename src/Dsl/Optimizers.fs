namespace Inference

open System
open System.Runtime.InteropServices

/// What an optimiser may keep and read: the parameters, the number of the step, states of its own.
[<Sealed>]
type OptimizerContext(builder: ProgramBuilder, parameters: Tensor[], step: Tensor) =
    member _.Parameters = parameters
    /// 1 in the first step.
    member _.Step = step

    /// A state like a parameter, zero at first, saved as `optimizer.kind.parameter`.
    member _.State(kind: string, k: int) =
        builder.State($"optimizer.{kind}.{Parameter.nameOf parameters[k]}", parameters[k].Shape, DType.F32, [| 0.0 |])

    member _.Next(state: Tensor, next: Tensor) = builder.Next(state, next)

/// A learning rate: a number, or a function of the number of the step.
[<Sealed>]
type Rate(at: Func<Tensor, Tensor>) =
    member _.At(step: Tensor) : Tensor = at.Invoke step
    static member op_Implicit(rate: double) : Rate = Rate.Constant rate
    static member Constant(rate: double) = Rate(fun step -> Build.scalar step.DType rate)

    /// Rises in a line to the rate in the first steps, then follows the other.
    static member WarmUp(steps: int, next: Rate) =
        Rate(fun step ->
            let share = Build.binary BinaryOp.Min (Build.scalar step.DType 1.0) (step / double steps)
            share * next.At step)

    /// Falls from one rate to another along half a cosine in so many steps, and stays there.
    static member Cosine(rate: double, steps: int, [<Optional; DefaultParameterValue(0.0)>] last: double) =
        Rate(fun step ->
            let share = Build.binary BinaryOp.Min (Build.scalar step.DType 1.0) (step / double steps)
            last + 0.5 * (rate - last) * (1.0 + Build.unary UnaryOp.Cos (share * Math.PI)))

/// A program that turns gradients into what is added to the parameters. Optimisers are functions of a context and of what the one before
/// them made; `Then` chains them, so that clipping comes before a rule, and what decays weights after it.
type Optimizer(update: Func<OptimizerContext, Tensor[], Tensor[]>) =
    member _.Update(context: OptimizerContext, gradients: Tensor[]) : Tensor[] =
        let updates = update.Invoke(context, gradients)

        if updates.Length <> context.Parameters.Length then
            Fail.model
                $"An optimiser was given {context.Parameters.Length} gradients; it returned {updates.Length} updates."
                "Return one for each parameter."

        updates

    member o.Then(next: Optimizer) =
        Optimizer(fun context gradients -> next.Update(context, o.Update(context, gradients)))

/// Pieces that rules are made of.
[<RequireQualifiedAccess>]
module internal Updates =
    let each (rule: OptimizerContext -> int -> Tensor -> Tensor) =
        Func<OptimizerContext, Tensor[], Tensor[]>(fun context gradients -> gradients |> Array.mapi (rule context))

    /// A moving average of a value, kept as a state: decay·average + (1 − decay)·value.
    let average (context: OptimizerContext) kind k (decay: double) (value: Tensor) =
        let state = context.State(kind, k)
        let next = decay * state + (1.0 - decay) * value
        context.Next(state, next)
        next

    /// 1 − decay^step: what an average that started from zero has seen.
    let seen (context: OptimizerContext) (decay: double) =
        let power = Build.unary UnaryOp.Exp (context.Step * log decay)
        1.0 - power

    let spread (like: Tensor) (x: Tensor) = Build.fill like.Shape x

/// Stochastic gradient descent with momentum: velocity ← momentum·velocity + gradient.
type Sgd(rate: Rate, [<Optional; DefaultParameterValue(0.0)>] momentum: double) =
    inherit
        Optimizer(
            Updates.each (fun context k g ->
                let direction =
                    if momentum = 0.0 then
                        g
                    else
                        let velocity = context.State("velocity", k)
                        let next = momentum * velocity + g
                        context.Next(velocity, next)
                        next

                -(rate.At context.Step) * direction)
        )

/// Adam (Kingma and Ba, 2015), with its bias corrections.
type Adam
    (
        rate: Rate,
        [<Optional; DefaultParameterValue(0.9)>] beta1: double,
        [<Optional; DefaultParameterValue(0.999)>] beta2: double,
        [<Optional; DefaultParameterValue(1e-8)>] epsilon: double
    ) =
    inherit
        Optimizer(
            Updates.each (fun context k g ->
                let mean = Updates.average context "mean" k beta1 g
                let square = Updates.average context "square" k beta2 (g * g)
                let scale = -(rate.At context.Step) / Updates.seen context beta1
                let root = 1.0 / Build.unary UnaryOp.Sqrt (Updates.seen context beta2)
                Updates.spread g scale * mean / (Updates.spread g root * Build.unary UnaryOp.Sqrt square + epsilon))
        )

/// Adam with decoupled weight decay (Loshchilov and Hutter, 2019).
type AdamW(rate: Rate, weightDecay: double) =
    inherit
        Optimizer(fun context gradients ->
            Array.map2
                (fun (u: Tensor) (p: Tensor) -> u - rate.At context.Step * weightDecay * p)
                (Adam(rate).Update(context, gradients))
                context.Parameters)

/// RMSProp (Tieleman and Hinton, 2012): the gradient over the root of its mean square.
type RmsProp(rate: Rate, [<Optional; DefaultParameterValue(0.99)>] decay: double, [<Optional; DefaultParameterValue(1e-8)>] epsilon: double)
    =
    inherit
        Optimizer(
            Updates.each (fun context k g ->
                let square = Updates.average context "square" k decay (g * g)
                -(rate.At context.Step) * g / (Build.unary UnaryOp.Sqrt square + epsilon))
        )

/// LaProp (Ziyin et al., 2020): momentum of what RMSProp makes, so that the two decays do not disturb each other.
type LaProp
    (
        rate: Rate,
        [<Optional; DefaultParameterValue(0.9)>] beta1: double,
        [<Optional; DefaultParameterValue(0.99)>] beta2: double,
        [<Optional; DefaultParameterValue(1e-20)>] epsilon: double
    ) =
    inherit
        Optimizer(
            Updates.each (fun context k g ->
                let square = Updates.average context "square" k beta2 (g * g)
                let root = 1.0 / Build.unary UnaryOp.Sqrt (Updates.seen context beta2)
                let normal = g / (Updates.spread g root * Build.unary UnaryOp.Sqrt square + epsilon)
                let mean = Updates.average context "mean" k beta1 normal
                Updates.spread g (-(rate.At context.Step) / Updates.seen context beta1) * mean)
        )

/// Scales all gradients together so that their joint norm is at most a limit (Pascanu et al., 2013).
type ClipNorm(limit: double) =
    inherit
        Optimizer(fun _ gradients ->
            let square (g: Tensor) = Structure.sum [| 0 .. g.Shape.Length - 1 |] [] (g * g)
            let norm = gradients |> Array.map square |> Array.reduce (fun a b -> a + b) |> Build.unary UnaryOp.Sqrt
            let factor = Build.binary BinaryOp.Min (Build.scalar norm.DType 1.0) (limit / (norm + 1e-6))
            gradients |> Array.map (fun g -> Updates.spread g factor * g))

/// Adaptive clipping (Brock et al., 2021): a parameter's gradient is at most a share of the parameter's own norm.
type ClipAdaptive(share: double, [<Optional; DefaultParameterValue(1e-3)>] floor: double) =
    inherit
        Optimizer(
            Updates.each (fun context k g ->
                let norm (x: Tensor) =
                    Structure.sum [| 0 .. x.Shape.Length - 1 |] [] (x * x) |> Build.unary UnaryOp.Sqrt

                let limit = share * Build.binary BinaryOp.Max (Build.scalar g.DType floor) (norm context.Parameters[k])
                let factor = Build.binary BinaryOp.Min (Build.scalar g.DType 1.0) (limit / (norm g + 1e-12))
                Updates.spread g factor * g)
        )

/// Steps of learning as programs.
[<RequireQualifiedAccess>]
module Learning =
    let private change (builder: ProgramBuilder) (optimizer: Optimizer) (counter: string) (loss: Tensor) (parameters: Tensor[]) =
        let count = builder.State(counter, [||], DType.I32, [| 0.0 |])
        let next = count + Build.scalar DType.I32 1.0
        builder.Next(count, next)
        let context = OptimizerContext(builder, parameters, Build.convert DType.F32 next)
        let updates = optimizer.Update(context, Calculus.gradient loss parameters)
        Array.iter2 (fun p (u: Tensor) -> builder.Next(p, p + u)) parameters updates

    /// Makes the program change the parameters that a loss is computed from by one step of an optimiser down its gradient. Returns the
    /// parameters, in the order of their names.
    let step (builder: ProgramBuilder) (optimizer: Optimizer) (seed: uint64) (loss: Tensor) : Tensor[] =
        let parameters = builder.Parameters([ loss ], seed)

        if parameters.Length = 0 then
            Fail.model "The loss depends on no parameter." "Use a network, or Parameter(name, shape), in what it is computed from."

        change builder optimizer "optimizer.step" loss parameters
        parameters

    /// The same where some parameters have next values of their own and are left to these, such as moving averages.
    let stepBeside (builder: ProgramBuilder) (optimizer: Optimizer) (seed: uint64) (loss: Tensor) (updates: (Tensor * Tensor) list) : unit =
        let isOwn p = updates |> List.exists (fun (own, _) -> obj.ReferenceEquals(own, p))

        let parameters =
            builder.Parameters(loss :: List.collect (fun (p, x) -> [ p; x ]) updates, seed)
            |> Array.filter (isOwn >> not)

        if parameters.Length = 0 then
            Fail.model "The bound depends on no parameter." "Use a network, or Parameter(name, shape), in the model or its guide."

        change builder optimizer "optimizer.step" loss parameters
        updates |> List.iter builder.Next

    /// The same for some of the parameters that a loss is computed from: those of one network of several, each with a loss and an
    /// optimiser of its own. The count of steps is kept as `optimizer.step.` and the name of the first.
    let stepOf (builder: ProgramBuilder) (optimizer: Optimizer) (seed: uint64) (loss: Tensor) (parameters: Tensor[]) : unit =
        let read = builder.Parameters([ loss ], seed)

        if parameters.Length = 0 then
            Fail.model "No parameter is to change." "Name at least one, such as a network's Parameters."

        match parameters |> Array.tryFind (fun p -> not (Array.exists (fun r -> obj.ReferenceEquals(r, p)) read)) with
        | Some p -> Fail.model $"The loss does not depend on the parameter \"{Parameter.nameOf p}\"." "Leave it out, or use it."
        | None -> change builder optimizer $"optimizer.step.{Parameter.nameOf parameters[0]}" loss parameters

    /// An exponential moving average of the parameters, kept as states `average.parameter`: decay·average + (1 − decay)·parameter, the
    /// parameters as they are before the step. It starts at zero; divided by 1 − decay^step it is unbiased.
    let average (builder: ProgramBuilder) (decay: double) (parameters: Tensor[]) : Tensor[] =
        parameters
        |> Array.map (fun p ->
            let state = builder.State($"average.{Parameter.nameOf p}", p.Shape, DType.F32, [| 0.0 |])
            let next = decay * state + (1.0 - decay) * p
            builder.Next(state, next)
            next)
