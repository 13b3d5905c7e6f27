namespace Inference

open System
open System.Collections.Generic

/// What a learner's program is for.
[<RequireQualifiedAccess>]
type LearnerMode =
    /// One step of learning on a full batch.
    | Learn
    /// The metrics of a batch, full or not; nothing changes.
    | Evaluate
    /// A step once more, to find what in it is not finite.
    | Examine

/// A learner closed to a program. Its inputs are `batch.field` with the batch as the leading axis, `seed` and `step` of two words each, and
/// `total`, the number of data, if the learner reads it.
type LearnerProgram =
    {
        Program: Program
        /// Names of the outputs that are metrics, each a scalar of one batch.
        Metrics: string[]
        /// The sites that were drawn or observed. An examining program has an output `site k` for each: how often its log-density is not finite.
        Sites: SiteRecord[]
    }

/// What the function of a learner may read and do besides what its arguments say.
[<Sealed>]
type LearnerContext internal (builder: ProgramBuilder, mode: LearnerMode, data: FreeIndex, seed: uint64) =
    let words name =
        let x = builder.Input(name, [| 2 |], DType.U32)
        [| Shapes.at 0 0 x; Shapes.at 0 1 x |]

    let seedWords, stepWords = words "seed", words "step"
    let total = lazy builder.Input("total", [||], DType.F32)
    let all = Trace()
    // evaluation draws numbers of its own
    let prefix = if mode = LearnerMode.Evaluate then "evaluation/" else ""

    let within trace plates =
        { ProbContext.At(Draw(seedWords, stepWords), trace, plates, []) with
            KeyPrefix = prefix
        }

    /// The plate of the batch. Values of a batch vary over it.
    member _.Data = data
    /// The number of steps that were taken before this one; in an evaluation that of its batches.
    member _.Step = Build.convert DType.F32 stepWords[0]
    /// The number of all data that are learnt from, for losses with a part that is counted once: divide that part by it. `Evaluate` after
    /// a fit counts what it evaluates.
    member _.Total = total.Value
    member internal _.Sites = all.Sites |> Array.ofSeq

    member private _.Run(program: Prob<'T>, plates: FreeIndex list) : struct ('T * Trace) =
        let trace = Trace()
        let value = program.Run(within trace plates)

        for site in trace.Sites do
            all.Claim(site.Path, site.Location)
            all.Record site

        struct (value, trace)

    /// Runs a program with fresh draws, a function of seed and step, and returns what it left as well: its sites and factors.
    member c.Trace(program: Prob<'T>) : struct ('T * Trace) = c.Run(program, [])

    /// The value of a program with fresh draws.
    member c.Draw(program: Prob<'T>) : 'T =
        let struct (value, trace) = c.Trace program

        if trace.Factors.Count > 0 then
            Fail.model
                "A program that is drawn observes or weighs, and its weight would be lost."
                "Use Trace, which returns the weight too, or put the log-density into the loss."

        value

    /// The value of a program with fresh draws for each datum.
    member c.DrawEach(program: Prob<'T>) : 'T = c.Draw(Prob.plate data program |> Prob.map (fun p -> p.Value))

    /// The mean over the batch of what varies over it.
    member _.Mean(x: Tensor) : Tensor =
        if Array.contains data x.Indices then
            Structure.sum [||] [ data ] x / Build.convert DType.F32 (Structure.extent data)
        else
            x

    member private c.Loss(x: Tensor) =
        if not x.IsScalar then
            Fail.model $"A loss must be a scalar; {Fail.shape x.Shape} came." "Sum it: Sum(x)."

        let loss = c.Mean x

        match Array.tryHead loss.Indices with
        | Some i ->
            Fail.model
                $"A loss still varies over \"{i.Name}\"."
                $"Reduce it: a sum, mean or expectation over \"{i.Name}\". Only the batch is averaged by itself."
        | None -> loss

    /// One step of an optimiser down the gradient of a loss, by all parameters that it is computed from. A loss that varies over the
    /// batch is averaged. Returns the loss before the step.
    member c.Minimise(loss: Tensor, optimizer: Optimizer) : Tensor =
        let loss = c.Loss loss

        if mode = LearnerMode.Learn then
            Learning.step builder optimizer seed loss |> ignore

        loss

    /// The same by some parameters only, those of one network among several.
    member c.Minimise(loss: Tensor, optimizer: Optimizer, parameters: IEnumerable<Tensor>) : Tensor =
        let loss = c.Loss loss

        if mode = LearnerMode.Learn then
            Learning.stepOf builder optimizer seed loss (Array.ofSeq parameters)

        loss

    member private c.Derive(bound: Prob<EvidenceBound>, plates: FreeIndex list) : EvidenceBound =
        let struct (found, trace) = c.Run(bound, plates)

        if trace.Factors.Count > 0 then
            Fail.model
                "The program of a bound observes or weighs, and its weight would be lost."
                "Observe and weigh in the model that the bound is derived from."

        found

    /// The bound of a datum, from which nothing is learnt.
    member internal c.BoundEach(bound: Prob<EvidenceBound>) : EvidenceBound = c.Derive(bound, [ data ])

    member private c.Ascend
        (bound: Prob<EvidenceBound>, optimizer: Optimizer, plates: FreeIndex list, share: Tensor -> Tensor)
        : EvidenceBound =
        let found = c.Derive(bound, plates)

        if mode = LearnerMode.Learn then
            Learning.stepBeside builder optimizer seed (c.Loss(-(share found.Value))) found.Updates

        { found with
            Value = share found.Value
            Parts = found.Parts |> List.map (fun (name, x) -> name, share x)
        }

    /// One step of an optimiser up the bound of a datum, averaged over the batch: model and guide are those of one datum.
    member c.MaximiseEach(bound: Prob<EvidenceBound>, optimizer: Optimizer) : EvidenceBound = c.Ascend(bound, optimizer, [ data ], id)

    /// One step of an optimiser up the bound of all data, for each of them: model and guide open the plate of the data themselves, by
    /// `Plate`, inside what is drawn once.
    member c.Maximise(bound: Prob<EvidenceBound>, optimizer: Optimizer) : EvidenceBound =
        c.Ascend(bound, optimizer, [], fun x -> x / c.Total)

    /// The data of the batch, of which one is written, for models with global variables.
    member _.Of(datum: 'D) : Data<'D> = Data(data, datum, total)

    /// The data of the batch as a plate within a model or a guide, whose log-densities count for all data: N/B times.
    member c.Plate(body: Prob<'T>) : Prob<'T> = (c.Of()).Plate(fun () -> body)

/// A learner: a function from a state and a batch to the next state and metrics. The state is the parameters that it reads, what
/// optimisers keep, and a record of one's own.
[<Sealed>]
type Learner<'B>
    internal (name: string, batch: Space, step: ProgramBuilder -> LearnerMode -> uint64 -> LearnerContext -> 'B -> (string * Tensor)[]) =
    member _.Name = name
    /// The fields of one datum.
    member _.Batch = batch

    /// Closes the learner for batches of a size, its parameters starting from a seed's numbers.
    member _.Program(mode: LearnerMode, size: int, seed: uint64) : LearnerProgram =
        Fail.within name (fun () ->
            let builder = ProgramBuilder name

            let extent =
                if mode = LearnerMode.Evaluate then
                    Extent.UpTo("data", size)
                else
                    Extent.Fixed size

            let data = FreeIndex("data", extent, IndexKind.Plate)

            let datum = Learner<'B>.Read(builder, batch, data)
            let context = LearnerContext(builder, mode, data, seed)
            let metrics = step builder mode seed context datum

            for metric, value in metrics do
                if not value.IsScalar then
                    Fail.model $"The metric \"{metric}\" must be a scalar; {Fail.shape value.Shape} came." "Reduce it: Sum(x), Mean(x)."

                builder.Output(metric, context.Mean(Build.convert DType.F32 value))

            builder.Parameters(metrics |> Array.map snd, seed) |> ignore

            if mode = LearnerMode.Examine then
                for k, site in Array.indexed context.Sites do
                    let density = site.LogDensity.Value
                    let finite = Build.binary BinaryOp.Equal (density * 0.0) (Build.scalar density.DType 0.0)
                    let strange = Build.convert DType.F32 (Build.unary UnaryOp.Not finite)
                    let axes = [| 0 .. strange.Shape.Length - 1 |]
                    builder.Output($"site {k}", Structure.sum axes (Array.toList strange.Indices) strange)

            {
                Program = builder.Build()
                Metrics = Array.map fst metrics
                Sites = context.Sites
            })

    /// The name of the input that holds a field of the batch.
    static member Field(leaf: Leaf) = if leaf.Path = "" then "batch" else "batch." + leaf.Path

    /// A datum whose fields are inputs of a program, with the data as their leading axis.
    static member internal Read(builder: ProgramBuilder, batch: Space, data: FreeIndex) : 'B =
        let field (l: Leaf) =
            builder.Input(Learner<'B>.Field l, Array.append [| data.Capacity |] l.Shape, l.DType)
            |> Structure.unstack data

        batch.Leaves |> Array.map field |> Record.ofTensors<'B>

/// Learners from their parts.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Learner =
    let private named (lone: string) (value: 'M) =
        Array.map2 (fun (l: Leaf) x -> (if l.Path = "" then lone else l.Path), x) (Record.space<'M>()).Leaves (Record.toTensors value)

    let private states (builder: ProgramBuilder) (initial: 'S) =
        let state (name: string, x: Tensor) =
            match x.Op with
            | Op.Constant values -> builder.State(name, x.Shape, x.DType, values)
            | _ ->
                Fail.model
                    $"The state \"{name}\" starts with a computed value."
                    "Start with numbers: Zeros(3), Constant([1, 2]) or 0. Parameters, which start from random numbers, need no field."

        named "state" initial |> Array.map state

    let private over (batch: Space) name (initial: 'S) (step: LearnerContext -> 'S -> 'B -> 'S * (string * Tensor)[]) : Learner<'B> =
        let learner =
            Learner<'B>(
                name,
                batch,
                fun builder mode seed context datum ->
                    let current = states builder initial
                    let next, metrics = step context (Record.ofTensors<'S> current) datum
                    let nexts = Record.toTensors next
                    builder.Parameters(nexts, seed) |> ignore

                    if mode = LearnerMode.Learn then
                        Array.iter2 (fun (s: Tensor) x -> builder.Next(s, Build.convert s.DType x)) current nexts

                    metrics
            )

        // traced once, so that what is wrong is found where it is defined
        learner.Program(LearnerMode.Learn, 2, 0UL) |> ignore
        learner

    let private minimising (batch: Space) name (optimizer: Optimizer) (loss: LearnerContext -> 'B -> Tensor * (string * Tensor)[]) =
        over batch name () (fun context () datum ->
            let loss, metrics = loss context datum
            (), Array.append [| "loss", context.Minimise(loss, optimizer) |] metrics)

    /// A learner of one's own: from what may be used besides, the state and a batch to the next state and metrics, scalars. The state
    /// starts with numbers; parameters are states by themselves. The first metric is the one that is watched. A metric that varies over
    /// the batch is averaged. Called once for each program; must be pure.
    let define (name: string) (initial: 'S) (step: LearnerContext -> 'S -> 'B -> 'S * 'M) : Learner<'B> =
        over (Record.space<'B>()) name initial (fun context state datum ->
            let next, metrics = step context state datum
            next, named "loss" metrics)

    /// Minimises a loss of a datum, averaged over the batch.
    let minimise (name: string) (optimizer: Optimizer) (loss: 'B -> Tensor) : Learner<'B> =
        minimising (Record.space<'B>()) name optimizer (fun _ datum -> loss datum, [||])

    let private parts (bound: EvidenceBound) =
        [|
            yield "loss", -bound.Value
            for name, x in bound.Parts do
                yield name, x
        |]

    /// Maximises the bound of each datum, averaged over the batch: fitting an ELBO. Its parts are metrics.
    let maximise (batch: Space) (name: string) (optimizer: Optimizer) (bound: 'B -> Prob<EvidenceBound>) : Learner<'B> =
        over batch name () (fun context () datum -> (), parts (context.MaximiseEach(bound datum, optimizer)))

    /// The bound of each datum, averaged over the data: for evaluations, since nothing is learnt.
    let internal ofBound (batch: Space) (name: string) (bound: 'B -> Prob<EvidenceBound>) : Learner<'B> =
        over batch name () (fun context () datum -> (), parts (context.BoundEach(bound datum)))

    /// Maximises the bound of all data, for models that draw something once: they open the plate of the data by the context's `Plate`.
    let maximiseAll
        (batch: Space)
        (name: string)
        (optimizer: Optimizer)
        (bound: LearnerContext -> 'B -> Prob<EvidenceBound>)
        : Learner<'B> =
        over batch name () (fun context () datum -> (), parts (context.Maximise(bound context datum, optimizer)))

    /// Minimises a loss of a datum that is one tensor of a stated shape.
    let minimiseTensor (name: string) (datum: TensorInput) (optimizer: Optimizer) (loss: Tensor -> Tensor) : Learner<Tensor> =
        minimising datum.Space name optimizer (fun _ x -> loss x, [||])

    /// Minimises the loss that a program draws for each datum.
    let minimiseDrawn (name: string) (optimizer: Optimizer) (loss: 'B -> Prob<Tensor>) : Learner<'B> =
        minimising (Record.space<'B>()) name optimizer (fun context datum -> context.DrawEach(loss datum), [||])

    /// Minimises a loss that also reads the context, and reports metrics.
    let minimiseWith (name: string) (optimizer: Optimizer) (loss: LearnerContext -> 'B -> Tensor * 'M) : Learner<'B> =
        minimising (Record.space<'B>()) name optimizer (fun context datum ->
            let loss, metrics = loss context datum
            loss, named "metric" metrics)
