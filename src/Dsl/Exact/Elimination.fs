namespace Inference

open System

/// How factors and the values of a variable are put together: a semiring, whose laws are all that elimination needs.
[<RequireQualifiedAccess>]
type internal Combination =
    /// Of logarithms: + and log Σ exp.
    | Sum
    /// Of logarithms: + and the largest.
    | Max
    /// The smallest factor, and the largest over values.
    | MaxMin

/// A variable that was eliminated: the index over its values, and the sum of all factors that read them, from before.
type internal Eliminated = { Index: FreeIndex; Joint: Tensor }

/// Elimination of variables from products of factors, in log-space: a factor is a tensor free in the indices of the variables that it reads.
[<RequireQualifiedAccess>]
module internal Elimination =
    /// The most numbers that a table over values may have, for each value of plates and steps.
    let largest = 1L <<< 24

    /// log Σ exp over an index; −∞ if every term is. Its derivative is Σ softmax·dx, and 0 where no term is possible: states that cannot
    /// be teach nothing, instead of NaN.
    let logSumExp (index: FreeIndex) (x: Tensor) : Tensor =
        let largest = Structure.max [||] [ index ] x
        let isFinite = less (Build.unary UnaryOp.Abs largest) (number x Double.PositiveInfinity)
        let shift = Calculus.stopGradient (Build.select isFinite largest (number x 0.0))
        let total = Structure.sum [||] [ index ] (exp (x - shift))
        let isPossible = less (number x 0.0) total

        shift
        + Build.select isPossible (log (Build.select isPossible total (number x 1.0))) (number x Double.NegativeInfinity)

    /// Probabilities along the axes from one on; 0 where none is possible.
    let normalised (first: int) (log: Tensor) : Tensor =
        let axes = [| first .. log.Shape.Length - 1 |]
        let total = Structure.logSumExp axes [] log
        let isPossible = less (number total Double.NegativeInfinity) total
        exp (log - Structure.restore axes log.Shape (Build.select isPossible total (number total 0.0)))

    let private reduce (combination: Combination) (index: FreeIndex) (x: Tensor) =
        match combination with
        | Combination.Sum -> logSumExp index x
        | Combination.Max
        | Combination.MaxMin -> Structure.max [||] [ index ] x

    /// Factors put together.
    let product (combination: Combination) (factors: Tensor list) : Tensor =
        match combination with
        | Combination.Sum
        | Combination.Max -> List.reduce (+) factors
        | Combination.MaxMin -> List.reduce smaller factors

    /// A factor for each place of some plates and steps, put together.
    let over (combination: Combination) (indices: FreeIndex list) (x: Tensor) : Tensor =
        match combination with
        | Combination.Sum
        | Combination.Max -> Structure.sum [||] indices x
        | Combination.MaxMin -> Structure.reduce ReduceOp.Min [||] indices x

    let private isValue (i: FreeIndex) = i.Kind = IndexKind.Enumerated
    let reads (index: FreeIndex) (x: Tensor) = Array.contains index x.Indices

    /// The variables of the product of some factors.
    let scope (factors: Tensor seq) : FreeIndex[] = Build.union factors |> Array.filter isValue

    /// The numbers of a table over variables.
    let size (variables: FreeIndex seq) : double = variables |> Seq.fold (fun n i -> n * double i.Capacity) 1.0

    /// One variable eliminated from a product of factors: what is left of it. `refuse` is told of a table that is too large.
    let one combination (refuse: FreeIndex[] -> unit) (index: FreeIndex) (factors: Tensor list) : Tensor list * Eliminated =
        let inside, outside = factors |> List.partition (reads index)
        let variables = scope inside

        if size variables > double largest then
            refuse variables

        let joint = product combination inside
        outside @ [ reduce combination index joint ], { Index = index; Joint = joint }

    /// Variables eliminated one after another, each time the one whose table is smallest.
    let rec all combination refuse (indices: FreeIndex list) (factors: Tensor list) : Tensor list * Eliminated list =
        match indices with
        | [] -> factors, []
        | _ ->
            let cost i = factors |> List.filter (reads i) |> scope |> size
            let next = List.minBy cost indices
            let factors, first = one combination refuse next factors
            let factors, rest = all combination refuse (List.except [ next ] indices) factors
            factors, first :: rest
