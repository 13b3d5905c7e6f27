/// What bounds are, and their gradients, on average: by sums over all values of the latent sites, or by quadrature; and repeated draws of them.
module Inference.Dsl.Tests.ExactBounds

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

/// Values of all latent sites, over an index of their own, each standing for a cell of some width.
type Grid = { Index: FreeIndex; Width: double; Values: Map<string, Tensor> }

/// All values together of sites: of each its path, the plates and times that it stands in, its values and their type.
let grid width (sites: (string * FreeIndex list * double list * DType) list) : Grid =
    let places (indices: FreeIndex list) = indices |> List.fold (fun n i -> n * i.Capacity) 1

    let axes =
        [|
            for _, indices, values, _ in sites do
                yield! List.replicate (places indices) (Array.ofList values)
        |]

    let count = axes |> Array.fold (fun n values -> n * values.Length) 1
    let index = L.EnumeratedIndex("assignment", count)

    let assignment k =
        axes
        |> Array.mapFold (fun rest values -> values[rest % values.Length], rest / values.Length) k
        |> fst

    let all = Array.init count assignment

    let value start (indices: FreeIndex list) dtype =
        let own = all |> Array.collect (fun values -> Array.sub values start (places indices))
        let shape = count :: [ for i in indices -> i.Capacity ]
        let table = L.Convert(tensor shape (List.ofArray own), dtype)
        List.fold (fun x (i: FreeIndex) -> L.Unstack(x, i)) table (index :: indices)

    let starts = sites |> List.scan (fun s (_, indices, _, _) -> s + places indices) 0

    {
        Index = index
        Width = width
        Values =
            Map
                [
                    for (path, indices, _, dtype), start in List.zip sites (List.take sites.Length starts) ->
                        path, value start indices dtype
                ]
    }

/// Sites that are 0 or 1.
let bits (sites: (string * FreeIndex list) list) : Grid =
    grid 1.0 [ for path, indices in sites -> path, indices, [ 0.0; 1.0 ], DType.F32 ]

/// Cells of a line between two limits.
let line path count low high : Grid =
    let points, width = Statistics.cells count low high
    grid width [ path, [], List.ofArray points, DType.F32 ]

/// log p of all that a program draws and observes, at each point of a grid.
let logJoint (g: Grid) (program: Prob<'T>) : Tensor = Prob.logJoint (snd (Prob.trace (fun path _ -> g.Values[path]) program))

let logEvidence (g: Grid) model : Tensor = L.LogSumExpOver(g.Index, logJoint g model) + log g.Width

/// The mean over a guide's draws of what a function makes of a grid.
let meanOver (g: Grid) guide (f: Grid -> Tensor) : Tensor = L.SumOver(g.Index, g.Width * L.Exp(logJoint g guide) * f g)

let elbo (g: Grid) model guide : Tensor = meanOver g guide (fun g -> logJoint g model - logJoint g guide)

/// The mean of 1/(1 − α)·log mean w^(1−α) over independent samples, each on a grid of its own.
let powerBound order (grids: Grid list) model guide : Tensor =
    let share = 1.0 - order
    let term g = L.Exp(share * (logJoint g model - logJoint g guide))
    let bound = L.Log(List.reduce (+) (List.map term grids) / double grids.Length) / share
    grids |> List.fold (fun x g -> meanOver g guide (fun _ -> x)) bound

/// A value and its derivatives by parameters.
let valueAndGradient (parameters: double list) (f: Tensor list -> Tensor) : double[] =
    let theta = parameters |> List.map scalar
    let x = f theta
    let gradient = Calculus.gradient x (Array.ofList theta)
    numbers (L.Pack(Array.append [| x |] gradient))

/// A bound with fresh draws.
let derive (objective: Objective) (model: Prob<'T>) (guide: Prob<'U>) : EvidenceBound =
    fst (draw 1.0 0.0 (EvidenceBound.derive objective model guide))

/// Independent estimates of a bound and of its derivatives by parameters, in columns; states that start with other numbers are given.
let estimatesFrom (states: (string * double[]) list) (count: int) (parameters: double list) (bound: Tensor list -> Prob<EvidenceBound>) =
    let each = L.PlateIndex("repetition", count)
    let theta = parameters |> List.map (fun p -> L.Unstack(vector (List.replicate count p), each))
    let found, _ = Prob.draw (seed 7.0 0.0) (seed 0.0 0.0) [ each ] [] (bound theta)
    let gradient = Calculus.gradient (L.SumOver(each, found.Value)) (Array.ofList theta)

    let program =
        build "estimates" (fun b ->
            for k, x in Seq.indexed (Seq.append [ found.Value ] gradient) do
                b.Output(string k, L.Stack(x, each)))

    let start (s: StateDefinition) =
        match states |> List.tryFind (fun (name, _) -> name = s.Slot.Name) with
        | Some(_, values) -> { s with Initial = values }
        | None -> s

    use engine =
        new Engine(EngineOptions(Cache = false, Precision = Precision.Double, Probed = Action<_, _>(fun _ _ -> ())))

    let values = execute engine [] { program with States = Array.map start program.States }
    [| for k in 0 .. parameters.Length -> values[string k] |]

let estimates count parameters bound : double[][] = estimatesFrom [] count parameters bound

let variance (xs: double[]) =
    let m = Statistics.mean xs
    Array.averageBy (fun x -> (x - m) ** 2.0) xs

/// Says that the mean of estimates is what is expected, but for what happens once in 1.7 million times.
let averagesTo what (expected: double[]) (estimates: double[][]) =
    Assert.Equal(expected.Length, estimates.Length)

    for k in 0 .. expected.Length - 1 do
        let m, error = Statistics.mean estimates[k], sqrt (variance estimates[k] / double estimates[k].Length)

        if not (abs (m - expected[k]) <= 5.0 * error + 1e-5 * (1.0 + abs expected[k])) then
            failwith $"{what}, number {k}: {expected[k]} expected; {m} ± {error} came."

/// An ELBO with estimators of sites.
let objective samples (estimators: (string * Estimator) list) =
    let o = Objective.Elbo samples

    for site, e in estimators do
        o.Estimators[site] <- e

    o

/// Every estimate of a bound averages to its exact value and gradient; returns the variances of the gradient's first number.
let areUnbiased
    (write: string -> unit)
    (what: string)
    count
    parameters
    (exact: Tensor list -> Tensor)
    (cases: (string * (string * double[]) list * (Tensor list -> Prob<EvidenceBound>)) list)
    =
    let expected = valueAndGradient parameters exact

    [
        for name, states, bound in cases do
            let found = estimatesFrom states count parameters bound
            averagesTo $"{what}, {name}" expected found
            let spread = found |> Array.skip 1 |> Array.map variance
            let text = spread |> Array.map (fun v -> v.ToString "g3") |> String.concat ", "
            write $"{what}, {name}: variances of the gradient {text}"
            name, spread[0]
    ]
    |> Map.ofList

let none, leaveOneOut = Estimator.Score Baseline.Nothing, Estimator.Score Baseline.LeaveOneOut
