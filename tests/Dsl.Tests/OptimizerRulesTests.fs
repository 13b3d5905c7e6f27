module Inference.Dsl.Tests.OptimizerRulesTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.OptimizerReference
open Xunit

[<Fact>]
let ``The reference gradient is the loss's`` () =
    // the tests below stand on it
    let step = 1e-3

    let value (p: double[][]) =
        let program =
            build "loss" (fun b ->
                let parameters = make ()
                b.Parameters([ loss parameters ], 0UL) |> ignore
                b.Output("loss", loss parameters))

        (interpret [] (List.map2 (fun (n, _) v -> n, v) shapes (List.ofArray p)) program).["loss"].[0]

    let flat = Array.concat starts

    for k, slope in Array.indexed (Array.concat (slopes starts)) do
        let at h = value (split (flat |> Array.mapi (fun j v -> if j = k then v + h else v)))
        Assert.Equal(slope, (at step - at -step) / (2.0 * step), 6)
        Assert.True(abs slope > 0.05)

[<Fact>]
let ``Rules with settings of their own, for parameters that depend on one another`` () =
    agrees (sgdRule (constant 0.05) 0.0) (Sgd(Rate.Constant 0.05))
    agrees (sgdRule (constant 0.05) 0.8) (Sgd(Rate.Constant 0.05, 0.8))
    agrees (adamRule (constant 0.1) 0.9 0.999 1e-8 0.0) (Adam(Rate.Constant 0.1))
    agrees (adamRule (constant 0.1) 0.8 0.95 1e-2 0.0) (Adam(Rate.Constant 0.1, 0.8, 0.95, 1e-2))
    agrees (adamRule (constant 0.1) 0.0 0.95 1e-2 0.0) (Adam(Rate.Constant 0.1, 0.0, 0.95, 1e-2))
    agrees (adamRule (constant 0.1) 0.9 0.999 1e-8 0.2) (AdamW(Rate.Constant 0.1, 0.2))
    agrees (rmsRule (constant 0.02) 0.99 1e-8) (RmsProp(Rate.Constant 0.02))
    agrees (rmsRule (constant 0.02) 0.7 1e-2) (RmsProp(Rate.Constant 0.02, 0.7, 1e-2))
    agrees (laRule (constant 0.1) 0.9 0.99 1e-20) (LaProp(Rate.Constant 0.1))
    agrees (laRule (constant 0.1) 0.8 0.95 1e-2) (LaProp(Rate.Constant 0.1, 0.8, 0.95, 1e-2))

[<Fact>]
let ``A rate is taken at the number of the step, the first being 1`` () =
    let warm t = 0.08 * min 1.0 (double t / 3.0)
    let half t = 0.01 + 0.5 * (0.08 - 0.01) * (1.0 + cos (Math.PI * min 1.0 (double t / 4.0)))
    let both t = min 1.0 (double t / 2.0) * half t

    for rate, plain in
        [
            Rate.WarmUp(3, Rate.Constant 0.08), warm
            Rate.Cosine(0.08, 4, 0.01), half
            Rate.WarmUp(2, Rate.Cosine(0.08, 4, 0.01)), both
            Rate(fun step -> 0.1 / step), (fun t -> 0.1 / double t)
        ] do
        agrees (sgdRule plain 0.5) (Sgd(rate, 0.5))
        agrees (adamRule plain 0.9 0.999 1e-8 0.0) (Adam rate)
        // the rate scales the decay as well
        agrees (adamRule plain 0.9 0.999 1e-8 0.2) (AdamW(rate, 0.2))
        agrees (rmsRule plain 0.99 1e-8) (RmsProp rate)
        agrees (laRule plain 0.9 0.99 1e-20) (LaProp rate)

[<Fact>]
let ``Rates in detail`` () =
    let at (rate: Rate) t = number (rate.At(scalar t))
    close [ 0.3; 0.3 ] [| for t in [ 1.0; 1000.0 ] -> at (Rate.Constant 0.3) t |]
    // to zero unless something else is said
    close [ 0.3; 0.15; 0.0; 0.0 ] [| for t in [ 0.0; 50.0; 100.0; 1e6 ] -> at (Rate.Cosine(0.3, 100)) t |]
    close [ 0.5 * 0.3 * (1.0 + sqrt 0.5) ] [| at (Rate.Cosine(0.3, 100)) 25.0 |]
    // a rise to a rate that falls meanwhile
    close [ 0.5 * 0.5 * 0.3 * (1.0 + sqrt 0.5) ] [| at (Rate.WarmUp(50, Rate.Cosine(0.3, 100))) 25.0 |]
    // a number serves as a rate
    let plain: Rate = Rate.op_Implicit 0.25
    close [ 0.25 ] [| at plain 7.0 |]

[<Fact>]
let ``A joint limit scales all gradients by one factor`` () =
    let size = norm (Seq.concat (slopes starts))

    for share in [ 0.1; 0.7; 10.0 ] do
        let limit = share * size
        nearly (fun _ g _ -> clipNorm limit g |> Array.map (scaled -1.0)) (ClipNorm(limit).Then(Sgd(Rate.Constant 1.0)))

    // what is below the limit stays as it is
    agrees (sgdRule (constant 0.05) 0.0) (ClipNorm(1e6).Then(Sgd(Rate.Constant 0.05)))

[<Fact>]
let ``An adaptive limit is each parameter's own`` () =
    let cut (g: double[][]) (p: double[][]) = Array.map2 (fun g p -> norm g > 0.9 * norm p) g p
    // some are cut, some are not
    Assert.Equal(2, slopes starts |> fun g -> cut g starts |> Array.distinct |> Array.length)

    for share in [ 0.02; 0.9; 1e6 ] do
        agrees (fun _ g p -> clipAdaptive share 1e-3 g p |> Array.map (scaled -0.05)) (ClipAdaptive(share).Then(Sgd(Rate.Constant 0.05)))

    // a floor in place of the norm of a small parameter
    agrees (fun _ g p -> clipAdaptive 0.1 5.0 g p |> Array.map (scaled -0.05)) (ClipAdaptive(0.1, 5.0).Then(Sgd(Rate.Constant 0.05)))

[<Fact>]
let ``A parameter at zero still learns under an adaptive limit`` () =
    let p = Parameter.create "p" [| 2 |] Initializer.Zeros

    let program =
        build "learning" (fun b ->
            Learning.step b (ClipAdaptive(0.5, 1e-3).Then(Sgd(Rate.Constant 1.0))) 0UL (L.Sum(p * L.Constant [| 3.0; 4.0 |]))
            |> ignore)

    // 0.5·1e-3 along the gradient
    close [ -5e-4 * 0.6; -5e-4 * 0.8 ] (List.head (runs 1 [] program)).["p"]

[<Fact>]
let ``Clips of a gradient of zero leave it at zero`` () =
    let p = Parameter.create "p" [| 2 |] Initializer.Ones

    for optimizer: Optimizer in
        [
            ClipNorm(1.0).Then(Sgd(Rate.Constant 0.1))
            ClipAdaptive(0.1).Then(Sgd(Rate.Constant 0.1))
            Adam(Rate.Constant 0.1)
            RmsProp(Rate.Constant 0.1)
            LaProp(Rate.Constant 0.1)
        ] do
        let program = build "learning" (fun b -> Learning.step b optimizer 0UL (L.Sum(0.0 * p)) |> ignore)

        for states in runs 2 [] program do
            Assert.Equal<double[]>([| 1.0; 1.0 |], states["p"])

[<Fact>]
let ``Optimisers are chained in order`` () =
    let limit = 0.05
    // gradients are clipped, then scaled by their moments …
    let rule = adamRule (constant 0.1) 0.9 0.999 1e-2 0.0
    nearly (fun t g p -> rule t (clipNorm limit g) p) (ClipNorm(limit).Then(Adam(Rate.Constant 0.1, 0.9, 0.999, 1e-2)))
    // … or what comes of them is clipped
    let rule = adamRule (constant 0.1) 0.9 0.999 1e-2 0.0
    nearly (fun t g p -> clipNorm limit (rule t g p)) (Adam(Rate.Constant 0.1, 0.9, 0.999, 1e-2).Then(ClipNorm limit))
    // three in a row, grouped either way
    let momentum = Sgd(Rate.Constant -1.0, 0.9)

    let expected () : Rule =
        let first, second = sgdRule (constant -1.0) 0.9, rmsRule (constant 0.02) 0.99 1e-8
        fun t g p -> second t (first t (clipAdaptive 0.3 1e-3 g p) p) p

    agrees (expected ()) (ClipAdaptive(0.3).Then(momentum).Then(RmsProp(Rate.Constant 0.02)))
    agrees (expected ()) (ClipAdaptive(0.3).Then(momentum.Then(RmsProp(Rate.Constant 0.02))))

[<Fact>]
let ``Each rule keeps the states that it needs, by kind and parameter`` () =
    let of' (kinds: string list) =
        set
            [
                yield "optimizer.step"

                for name, _ in shapes do
                    yield name

                    for kind in kinds do
                        yield $"optimizer.{kind}.{name}"
            ]

    let rate = Rate.Constant 0.1

    for optimizer, kinds in
        [
            (Sgd rate :> Optimizer), []
            Sgd(rate, 0.9), [ "velocity" ]
            Adam rate, [ "mean"; "square" ]
            AdamW(rate, 0.1), [ "mean"; "square" ]
            RmsProp rate, [ "square" ]
            LaProp rate, [ "mean"; "square" ]
            ClipNorm(1.0).Then(ClipAdaptive(0.1)), []
            RmsProp(rate).Then(Sgd(rate, 0.9)), [ "square"; "velocity" ]
        ] do
        let program = build "learning" (fun b -> Learning.step b optimizer 0UL (loss (make ())) |> ignore)
        Assert.Equal<Set<string>>(of' kinds, set [ for s in program.States -> s.Slot.Name ])

        for s in program.States do
            match shapes |> List.tryFind (fun (name, _) -> s.Slot.Name.EndsWith($".{name}")) with
            | Some(_, shape) ->
                Assert.Equal<int[]>(shape, s.Current.Shape)
                Assert.All(s.Initial, fun v -> Assert.Equal(0.0, v))
            | None -> ()

    refuses "The program \"learning\" has two states named \"optimizer.velocity.a\"." (fun () ->
        Learning.step (ProgramBuilder "learning") (Sgd(rate, 0.9).Then(Sgd(rate, 0.5))) 0UL (loss (make ())))

[<Fact>]
let ``What Adam keeps: the number of the step and moving averages without correction`` () =
    let gradients =
        slopes starts :: (reference (adamRule (constant 0.1) 0.9 0.999 1e-8 0.0) |> List.map slopes)

    let mutable mean, square = Array.zeroCreate<double> 2, Array.zeroCreate<double> 2

    for k, states in List.indexed (learn (Adam(Rate.Constant 0.1))) do
        let g = gradients[k].[1]
        mean <- Array.map2 (fun m g -> 0.9 * m + 0.1 * g) mean g
        square <- Array.map2 (fun v g -> 0.999 * v + 0.001 * g * g) square g
        close [ double (k + 1) ] states["optimizer.step"]
        close (List.ofArray mean) states["optimizer.mean.b"]
        close (List.ofArray square) states["optimizer.square.b"]

[<Fact>]
let ``A step computes the loss of the parameters before it, and descends`` () =
    let plain (p: double[][]) =
        let x = Array.concat p
        let errors = Array.init 7 (fun r -> Array.sum (Array.init 7 (fun k -> (column k)[r] * x[k])) - 1.0)
        0.5 * Array.sumBy (fun e -> e * e) errors

    let expected = starts :: reference (sgdRule (constant 0.05) 0.0) |> List.map plain
    let losses = learn (Sgd(Rate.Constant 0.05)) |> List.map (fun states -> states["loss"].[0])
    close (List.take 5 expected) (Array.ofList losses)
    Assert.Equal<double list>(List.sortDescending losses, losses)

[<Fact>]
let ``A step starts from the seed's numbers, and returns the parameters by name`` () =
    let create name = Parameter.create name [| 2 |] Initializer.Glorot
    let b, a = create "b", create "a"
    let mutable found = [||]

    let program =
        build "learning" (fun builder -> found <- Learning.step builder (Sgd(Rate.Constant 0.25)) 9UL (L.Sum(b * b) + L.Sum a))

    Assert.Equal<Tensor list>([ a; b ], List.ofArray found)
    let first = List.head (runs 1 [] program)
    close [ for v in Parameter.initial a 9UL -> v - 0.25 ] first["a"]
    close [ for v in Parameter.initial b 9UL -> 0.5 * v ] first["b"]

[<Fact>]
let ``Members of an ensemble learn apart`` () =
    let members = L.PlateIndex("members", 3)
    let weights = [| 0.5; -1.0; 2.0; 0.1; 0.3; -0.7 |]
    let target i = L.Element(L.Constant [| 0.2; -0.4 |], i)

    /// The weights of a network after five steps.
    let after (members: FreeIndex) (start: double[]) =
        let net = Net.Linear("net", 2, 1, bias = false, members = members)
        let error = L.Sum(net.Apply(L.Pack(target 0, target 1))) - 1.0

        let loss = if isNull members then error * error else L.SumOver(members, error * error)

        let program = build "learning" (fun b -> Learning.step b (Adam(Rate.Constant 0.1)) 0UL loss |> ignore)
        (List.last (runs 5 [ "net.weight", start ] program)).["net.weight"]

    let alone = [ for start in Array.chunkBySize 2 weights -> after null start ]
    close (List.ofArray (Array.concat alone)) (after members weights)

[<Fact>]
let ``A moving average of parameters over five steps`` () =
    let program =
        build "learning" (fun b ->
            let parameters = Learning.step b (Sgd(Rate.Constant 0.05)) 0UL (loss (make ()))
            let averages = Learning.average b 0.8 parameters
            Assert.Equal<int list>([ 4; 2; 1 ], [ for x in averages -> x.Count ])
            b.Output("average", averages[0]))

    // the parameters as they are before each step
    let before = starts :: reference (sgdRule (constant 0.05) 0.0) |> List.take 5
    let mutable expected = starts |> Array.map (fun s -> Array.zeroCreate<double> s.Length)

    for parameters, states in List.zip before (runs 5 given program) do
        expected <- Array.map2 (Array.map2 (fun s p -> 0.8 * s + 0.2 * p)) expected parameters

        for (name, _), numbers in Seq.zip shapes expected do
            close (List.ofArray numbers) states[$"average.{name}"]

        close (List.ofArray expected[0]) states["average"]

[<Fact>]
let ``A moving average of what does not move is unbiased by what it has seen`` () =
    let p = Parameter.create "p" [| 2 |] (Initializer.Constant 3.0)

    let program = build "averaging" (fun b -> Learning.average b 0.9 (b.Parameters([ p ], 0UL)) |> ignore)

    for k, states in List.indexed (runs 4 [] program) do
        close [ 3.0; 3.0 ] (states["average.p"] |> Array.map (fun v -> v / (1.0 - 0.9 ** double (k + 1))))

[<Fact>]
let ``An optimiser of one's own keeps states and reads the number of the step`` () =
    // steps of the sign of the sum of all gradients so far, which get shorter
    let optimizer =
        Optimizer(fun context gradients ->
            Assert.Equal<string list>([ "a"; "b"; "c" ], [ for p in context.Parameters -> Parameter.nameOf p ])

            gradients
            |> Array.mapi (fun k g ->
                let total = context.State("total", k)
                let next = total + g
                context.Next(total, next)
                L.Select(L.Less(next, 0.0), L.Fill(0.1 / context.Step, g.Shape), L.Fill(-0.1 / context.Step, g.Shape))))

    let rule = stateful (fun t s g _ -> let s = s + g in s, (if s < 0.0 then 0.1 else -0.1) / double t)

    agrees rule optimizer
    Assert.True((List.head (learn optimizer)).ContainsKey "optimizer.total.b")

[<Fact>]
let ``A loss that is no single number is refused`` () =
    let learn loss () = Learning.step (ProgramBuilder "learning") (Sgd(Rate.Constant 0.1)) 0UL loss
    let p = Parameter.create "p" [| 2 |] Initializer.Ones
    refuses "A gradient needs a floating-point scalar; F32[2] came." (learn p)
    let data = L.PlateIndex("data", 3)
    let x = L.Unstack(Evaluation.vector [ 1.0; 2.0; 3.0 ], data)
    refuses "The value whose gradient is taken varies over \"data\", which what it is taken by does not." (learn (L.Sum p * x))
