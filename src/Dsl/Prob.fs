namespace Inference

open System
open System.Collections.Generic
open System.Runtime.CompilerServices
open System.Runtime.InteropServices

/// A probabilistic program with a result: sample, observe, factor, plate and markov, composed by `prob { … }` in F# and by query
/// syntax in C#. Tracing it builds the graph; nothing of it is left at run time.
[<Sealed>]
type Prob<'T>(run: ProbContext -> 'T) =
    member _.Run(context: ProbContext) = run context

    /// `from x in p select f(x)`
    member _.Select(f: Func<'T, 'U>) = Prob<'U>(fun c -> f.Invoke(run c))

    /// A query whose result is a program runs it: `from x in p select x.Observed(…)`
    member _.Select(f: Func<'T, Prob<'U>>) = Prob<'U>(fun c -> f.Invoke(run c).Run c)

    /// `from x in p from y in f(x) select g(x, y)`
    member _.SelectMany(f: Func<'T, Prob<'U>>, g: Func<'T, 'U, 'V>) =
        Prob<'V>(fun c ->
            let x = run c
            g.Invoke(x, f.Invoke(x).Run c))

    /// `from x in p from y in f(x) select g(x, y)`, where g makes a program
    member _.SelectMany(f: Func<'T, Prob<'U>>, g: Func<'T, 'U, Prob<'V>>) =
        Prob<'V>(fun c ->
            let x = run c
            g.Invoke(x, f.Invoke(x).Run c).Run c)

/// The value of a plate, free in the plate's index.
type Plated<'T> = { Index: FreeIndex; Value: 'T }

/// What a Markov chain leaves: its last state, and the values of each step, free in the chain's index.
type Chain<'S, 'R> = { Index: FreeIndex; Final: 'S; Each: 'R }

[<RequireQualifiedAccess>]
module Prob =
    let result (x: 'T) = Prob<'T>(fun _ -> x)
    let bind (f: 'T -> Prob<'U>) (p: Prob<'T>) = Prob<'U>(fun c -> (f (p.Run c)).Run c)
    let map (f: 'T -> 'U) (p: Prob<'T>) = Prob<'U>(fun c -> f (p.Run c))

    /// Refuses parameters out of range: known ones now, computed ones when the engine runs in checked mode.
    let private require path location (value: Tensor) (distribution: Distribution) =
        let check (x: Tensor) (r: Requirement) =
            match Known.numbers r.Value with
            | Some values ->
                (match values |> Array.tryFind (fun v -> not (r.HoldsFor v && Double.IsFinite v)) with
                 | Some bad ->
                     Fail.at
                         location
                         $"The site \"{path}\" has a {distribution.Name} that needs {r.Text}; {bad} came."
                         (if Double.IsFinite bad then
                              "Give a parameter in range."
                          else
                              "Give a finite number.")
                 | None -> x)
            | None ->
                let holds = r.Holds r.Value

                let spec =
                    {
                        Site = path
                        Requirement = $"{distribution.Name} with {r.Text}"
                        Location = location
                    }

                let whole =
                    Build.fill
                        x.Shape
                        (Structure.reduce
                            ReduceOp.Min
                            [| 0 .. holds.Shape.Length - 1 |]
                            []
                            (Build.select holds (Build.scalar DType.F32 1.0) (Build.scalar DType.F32 0.0)))

                let ok = Build.binary BinaryOp.Less (Build.scalar DType.F32 0.5) whole
                Build.node (Op.Check spec) [| x; ok |] x.Shape x.DType

        List.fold check value distribution.Requirements

    let private sumOut (c: ProbContext) (x: Tensor) =
        Structure.sum [||] (List.filter (fun i -> not (List.contains i c.Given)) (c.Plates @ c.Times)) x

    /// The key of a site's draws, where draws are made.
    let internal keyOf (c: ProbContext) path =
        match c.Source with
        | Draw(seed, step) ->
            let struct (low, high) = Philox.hashPath (c.KeyPrefix + path)
            let word (v: uint32) = Build.scalar DType.U32 (double v)
            let counter = [| word low; word high; step[0]; step[1] |]
            Some [| Structure.philox 0 counter seed; Structure.philox 1 counter seed |]
        | Choose _ -> None

    /// A value at which a density and its derivatives are finite: the mean, or of heavy tails the mode, or a point of the support.
    let private standIn (d: Distribution) : Tensor =
        let constant (value: double) = Build.constantOf d.DType d.Shape [| value |]
        let mean otherwise = d.Closed Statistic.Mean |> Option.defaultWith otherwise

        match d.Support with
        | Support.Real -> d.Closed Statistic.Mode |> Option.defaultWith (fun () -> mean (fun () -> constant 0.0))
        | Support.Positive -> mean (fun () -> constant 1.0)
        | Support.UnitInterval -> mean (fun () -> constant 0.5)
        | Support.Interval(low, high) -> mean (fun () -> Build.fill d.Shape (0.5 * (low + high)))
        | Support.Simplex -> mean (fun () -> constant (1.0 / double (Array.last d.Shape)))
        | Support.Integers _
        | Support.Binary
        | Support.OneHot
        | Support.Point -> mean (fun () -> constant 0.0)

    /// The log-density. What a mask hides may be missing (NaN): another value stands in, so that derivatives stay finite.
    let private logDensity (c: ProbContext) (distribution: Distribution) (value: Tensor) =
        if isNull c.Mask || not value.DType.IsFloat then
            Weights.masked c.Mask (distribution.LogDensity value)
        else
            let other = Build.convert value.DType (standIn distribution)
            Weights.masked c.Mask (distribution.LogDensity(Build.select c.Mask value other))

    let rec private ask (handlers: (SiteRequest -> SiteRequest) list) (r: SiteRequest) =
        match handlers with
        | handle :: outer when not r.IsHidden -> ask outer (handle r)
        | _ -> r

    let private fits (r: SiteRequest) (value: Tensor) =
        if value.Shape <> r.Distribution.Shape then
            let verb = if r.IsObserved then "observes" else "is given"

            Fail.at
                r.Location
                $"The site \"{r.Path}\" {verb} a value of shape {Fail.shape value.Shape} under {r.Distribution.Name} of shape {Fail.shape r.Distribution.Shape}."
                "Make the shapes equal."

        value

    let private visit (c: ProbContext) (r: SiteRequest) : Tensor =
        c.Trace.Claim(r.Path, r.Location)
        let r = ask c.Handlers r

        let value, drawn =
            match r.Value, c.Source with
            | null, Draw _ ->
                let key = (keyOf c r.Path).Value
                let draws = { Key = key; Plates = c.Plates; Times = c.Times }

                if r.IsHeld then
                    Calculus.stopGradient (r.Distribution.Draw draws), None
                else
                    let value, density = r.Distribution.DrawScored draws
                    value, Some density
            | null, Choose f -> fits r (f r), None
            | given, _ ->
                let value = fits r given
                (if r.IsHeld then Calculus.stopGradient value else value), None

        if r.IsFixed then
            r.Pass value
        else
            let required x = require r.Path r.Location x r.Distribution
            // values that are listed are there whatever their probabilities are: these are what is tested
            let value, ofDensity = if r.IsEnumerated then value, required else required value, id

            let score =
                match drawn with
                | Some known -> known
                | None -> lazy (ofDensity (r.Distribution.LogDensity value))

            let masked =
                match drawn with
                | Some known -> lazy (Weights.masked c.Mask known.Value)
                | None -> lazy (ofDensity (logDensity c r.Distribution value))

            let density = lazy (Weights.scaled c.Scale masked.Value)

            if r.IsObserved && not r.IsHidden then
                c.Trace.Weigh(sumOut c density.Value)

            if not r.IsHidden then
                c.Trace.Record
                    {
                        Path = r.Path
                        Location = r.Location
                        Distribution = r.Distribution
                        Value = value
                        LogDensity = density
                        IsObserved = r.IsObserved
                        IsAuxiliary = r.IsAuxiliary
                        Plates = c.Plates
                        Times = c.Times
                        Score = score
                        Masked = masked
                        Mask = c.Mask
                        Scale = c.Scale
                    }

            r.Pass value

    let private request (c: ProbContext) (name: string) location distribution value =
        {
            Path = (c.Enter name).Path
            Plates = c.Plates
            Times = c.Times
            Location = location
            Distribution = distribution
            Value = value
            IsObserved = not (isNull value)
            IsAuxiliary = false
            IsFixed = false
            IsHidden = false
            IsHeld = false
            IsEnumerated = false
            Pass = id
        }

    let sampleAt (name: string) (distribution: Distribution) location =
        Prob<Tensor>(fun c -> visit c (request c name location distribution null))

    /// A draw that a guide makes other draws from; no model has it.
    let auxiliaryAt (name: string) (distribution: Distribution) location =
        Prob<Tensor>(fun c -> visit c { request c name location distribution null with IsAuxiliary = true })

    let observeAt (name: string) (distribution: Distribution) (value: Tensor) location =
        Prob<Tensor>(fun c -> visit c (request c name location distribution value))

    /// Multiplies the weight of the run by exp(log-weight).
    let factor (logWeight: Tensor) =
        Prob<unit>(fun c ->
            let masked = Weights.masked c.Mask logWeight
            let weight = Weights.scaled c.Scale masked

            c.Trace.Factor(
                {
                    LogWeight = weight
                    Plates = c.Plates
                    Times = c.Times
                    Masked = masked
                    Scale = c.Scale
                },
                sumOut c weight
            ))

    /// Independent repetitions of a program; its value is free in the plate's index.
    let plate (index: FreeIndex) (body: Prob<'T>) =
        Prob<Plated<'T>>(fun c ->
            let inner = { c.Enter index.Name with Plates = c.Plates @ [ index ] }
            { Index = index; Value = body.Run inner })

    /// A program repeated at every step of an index, independently: its draws follow one another in time.
    let steps (index: FreeIndex) (body: Prob<'T>) =
        Prob<'T>(fun c -> body.Run { c.Enter index.Name with Times = c.Times @ [ index ] })

    /// The chain of a guide that computes what this one does, step by step: then one loop serves both.
    let private shared (c: ProbContext) (inner: ProbContext) index (starts: Tensor[]) (step: Tensor[] -> Trace -> Tensor[] * 'R) =
        match
            (if isNull c.Shared then
                 (false, Unchecked.defaultof<ChainRecord>)
             else
                 c.Shared.TryGetValue inner.Path)
        with
        | true, chain when
            obj.ReferenceEquals(chain.Index, index)
            && chain.Starts.Length = starts.Length
            && Array.forall2 Sameness.equal chain.Starts starts
            ->
            let trace = Trace()
            let nexts, result = step chain.Carries trace

            if nexts.Length = chain.Nexts.Length && Array.forall2 Sameness.equal chain.Nexts nexts then
                Some(chain.Finals, result, trace)
            else
                None
        | _ -> None

    /// Refuses a chain with a step that needs all of its steps, at the first site that is drawn from them.
    let private requireForward (path: string) (finals: Tensor[]) (trace: Trace) =
        match Cycles.find finals with
        | None -> ()
        | Some(x, loop) ->
            let reads (s: SiteRecord) =
                Traverse.postOrderUntil loop.Carries [ s.Value; s.LogDensity.Value ]
                |> Array.exists (fun y -> obj.ReferenceEquals(x, y))

            let problem, mend = Cycles.text (x, loop)

            match trace.Sites |> Seq.tryFind reads with
            | Some s -> Fail.at s.Location $"The site \"{s.Path}\" depends on itself: {problem}" mend
            | None -> Fail.model $"What the chain \"{path}\" carries depends on itself: {problem}" mend

    /// A Markov chain: each step maps the carried record to the next one and to what leaves the chain, free in its index.
    let markov (index: FreeIndex) (start: 'S) (step: 'S -> Prob<'S * 'R>) =
        Prob<'S * 'R>(fun c ->
            let inner = { c.Enter index.Name with Times = c.Times @ [ index ] }
            let starts = Record.toTensors start

            let take (carried: Tensor[]) (trace: Trace) =
                let next, result = (step (Record.ofTensors carried)).Run { inner with Trace = trace }
                Record.toTensors next |> Array.map (c.HandOn index starts.Length), result

            let finals, results, trace =
                match shared c inner index starts take with
                | Some found -> found
                | None ->
                    // traced again if the carried values vary over more than their starts: only the last trace counts
                    let mutable kept = Trace()
                    let mutable last = [||], [||]

                    let finals, results =
                        Structure.scan index starts (fun carried ->
                            kept <- Trace()
                            let nexts, result = take carried kept
                            last <- carried, nexts
                            nexts, result)

                    requireForward inner.Path finals kept

                    if not (isNull c.Recorded) then
                        c.Recorded[inner.Path] <-
                            {
                                Index = index
                                Names = (Record.space<'S>()).Leaves |> Array.map (fun l -> l.Path)
                                Starts = starts
                                Carries = fst last
                                Nexts = snd last
                                Finals = finals
                            }

                    finals, results, kept

            c.Trace.Include trace
            Record.ofTensors<'S> finals, results)

    /// A program under a name of its own: its sites' paths begin with it.
    let named (name: string) (body: Prob<'T>) = Prob<'T>(fun c -> body.Run(c.Enter name))

    /// Traces a program with fresh draws.
    let draw (seed: Tensor[]) (step: Tensor[]) (plates: FreeIndex list) (times: FreeIndex list) (body: Prob<'T>) : 'T * Trace =
        let trace = Trace()

        body.Run(ProbContext.At(Draw(seed, step), trace, plates, times)), trace

    /// Traces a program with chosen values.
    let trace (choose: string -> Distribution -> Tensor) (body: Prob<'T>) : 'T * Trace =
        let trace = Trace()

        body.Run(ProbContext.At(Choose(fun r -> choose r.Path r.Distribution), trace, [], [])), trace

    /// The log-density of all that a trace recorded: samples, observations and factors, over all plates and times.
    let logJoint (trace: Trace) : Tensor =
        let sampled =
            [
                for s in trace.Sites do
                    if not s.IsObserved then
                        yield Structure.sum [||] (s.Plates @ s.Times) s.LogDensity.Value
            ]

        Seq.append sampled trace.Factors |> Seq.fold (+) (Build.scalar DType.F32 0.0)

/// `prob { let! x = Sample("x", Normal(0.0, 1.0)) … return x }`
[<Sealed>]
type ProbBuilder() =
    member _.Bind(p: Prob<'T>, f: 'T -> Prob<'U>) = Prob.bind f p
    member _.Return(x: 'T) = Prob.result x
    member _.ReturnFrom(p: Prob<'T>) = p
    member _.Zero() = Prob.result ()
    member _.Combine(a: Prob<unit>, b: Prob<'T>) = Prob.bind (fun () -> b) a
    member _.Delay(f: unit -> Prob<'T>) = Prob<'T>(fun c -> (f ()).Run c)

[<AutoOpen>]
module ProbExpression =

    let prob = ProbBuilder()
