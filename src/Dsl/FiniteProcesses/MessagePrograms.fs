namespace Inference

open System

/// What a finite process's programs are compiled for: its sizes. The numbers are inputs, written once.
type TableShape =
    {
        States: int
        Actions: int
        Successors: int
        /// Whether the prior policy is uniform, and no input.
        Uniform: bool
        /// Whether no state ends an episode.
        Endless: bool
    }

    /// The states whose entries lie side by side. A sweep takes one tile after another, and then reads each table from one end to the other: with
    /// a stream for each row of a table, of which there may be dozens, memory gives a fifth of what it can.
    member shape.Tile = min shape.States 16

    member private shape.Tiles = (shape.States + shape.Tile - 1) / shape.Tile

    /// The shape of a table with such rows for each state, as an input: [tiles, rows…, states of a tile].
    member shape.InputShape(rows: int[]) = [| yield shape.Tiles; yield! rows; yield shape.Tile |]

    /// A table [rows, states] laid out as an input.
    member shape.LayOut(table: 'x[]) : 'x[] =
        let rows, tile = table.Length / shape.States, shape.Tile
        let laid = Array.zeroCreate (shape.Tiles * rows * tile)

        for row in 0 .. rows - 1 do
            for first in 0..tile .. shape.States - 1 do
                Array.blit table (row * shape.States + first) laid (first * rows + row * tile) (min tile (shape.States - first))

        laid

    /// A laid out input as [states, rows…].
    member internal shape.ByState(input: Tensor) : Tensor =
        let axes = input.Shape.Length
        let rows = input.Shape[1 .. axes - 2]
        let tiled = Shapes.transpose [| yield 0; yield axes - 1; yield! seq { 1 .. axes - 2 } |] input

        Shapes.reshape [| yield shape.Tiles * shape.Tile; yield! rows |] tiled
        |> Shapes.part 0 0 shape.States

    static member Of(mdp: FiniteMdp) =
        {
            States = mdp.States
            Actions = mdp.Actions
            Successors = mdp.Successors
            Uniform = isNull mdp.Prior
            Endless = isNull mdp.Ends
        }

/// A process's tables as inputs of a program, each seen from one state: free in the plate `State`.
type internal Tables =
    {
        State: FreeIndex
        /// [A, B]
        Next: Tensor
        /// [A, B]
        Probability: Tensor
        /// [A]
        Prior: Tensor
        /// A value that is 0 where the episode has ended.
        Ended: Tensor -> Tensor
    }

/// Programs that pass messages: one run, one sweep over all states.
[<RequireQualifiedAccess>]
module MessagePrograms =
    /// A table as an input, [states, rows…].
    let internal table (b: ProgramBuilder) (shape: TableShape) name rows dtype = shape.ByState(b.Input(name, shape.InputShape rows, dtype))

    /// A table as an input, seen from a state: its rows.
    let internal fromState (b: ProgramBuilder) (shape: TableShape) (state: FreeIndex) name rows dtype =
        Structure.unstack state (table b shape name rows dtype)

    /// What holds for each state, as a table whose last axis is the states.
    let private overStates (state: FreeIndex) (x: Tensor) =
        let rows = Structure.stack state x
        let axes = rows.Shape.Length
        Shapes.transpose [| yield! seq { 1 .. axes - 1 }; yield 0 |] rows

    let private reward (b: ProgramBuilder) (shape: TableShape) (t: Tables) =
        fromState b shape t.State "reward" [| shape.Actions |] DType.F32

    let internal tables (b: ProgramBuilder) (shape: TableShape) : Tables =
        let state = FreeIndex("state", Extent.Fixed shape.States, IndexKind.Plate)
        let size = [| shape.Actions; shape.Successors |]

        {
            State = state
            Next = fromState b shape state "next" size DType.I32
            Probability = fromState b shape state "probability" size DType.F32
            Prior =
                if shape.Uniform then
                    Build.constantOf DType.F32 [| shape.Actions |] [| 1.0 / double shape.Actions |]
                else
                    fromState b shape state "prior" [| shape.Actions |] DType.F32
            Ended =
                if shape.Endless then
                    id
                else
                    let ends = Structure.unstack state (b.Input("ends", [| shape.States |], DType.F32))
                    fun x -> Build.select (less (number ends 0.5) ends) (number x 0.0) x
        }

    let private valueState (b: ProgramBuilder) (shape: TableShape) = b.State("value", [| shape.States |], DType.F32, [| 0.0 |])

    /// max |V′ − V| over states.
    let private residual (t: Tables) (value: Tensor) (next: Tensor) =
        Structure.max [||] [ t.State ] (abs (next - Structure.unstack t.State value))

    let private keep (b: ProgramBuilder) (t: Tables) value next =
        b.Output("residual", residual t value next)
        b.Next(value, Structure.stack t.State next)

    /// One sweep of value iteration. State: value [S]. Output: residual, max |V′ − V|. Under Boltzmann sweeps may run in circles, and the value moves
    /// by a share of the way: an input.
    let sweep (backup: Backup) (shape: TableShape) : Program =
        let b = ProgramBuilder "value iteration"
        let t = tables b shape
        let value = valueState b shape
        let q = SoftBellman.action backup (reward b shape t) t.Probability (Shapes.gather value t.Next)
        let next = t.Ended(SoftBellman.state backup t.Prior q)

        match backup.Semantics with
        | PlanningSemantics.Boltzmann ->
            let share = b.Input("share", [||], DType.F32)
            let before = Structure.unstack t.State value
            b.Output("residual", residual t value next)
            b.Next(value, Structure.stack t.State (before + share * (next - before)))
        | _ -> keep b t value next

        b.Build()

    /// One sweep that shows what it finds. State: value [S]. Outputs: residual; q, policy and its cost [A, S] by the value before the sweep.
    let decide (backup: Backup) (shape: TableShape) : Program =
        let b = ProgramBuilder "policy"
        let t = tables b shape
        let value = valueState b shape
        let q = SoftBellman.action backup (reward b shape t) t.Probability (Shapes.gather value t.Next)
        keep b t value (t.Ended(SoftBellman.state backup t.Prior q))
        b.Output("q", overStates t.State q)
        b.Output("policy", overStates t.State (SoftBellman.policy backup t.Prior q))
        b.Output("cost", overStates t.State (SoftBellman.cost backup t.Prior q (SoftBellman.state backup t.Prior q)))
        b.Build()

    /// One sweep of the evaluation of a policy and its cost [A, S]. State: value [S]. Output: residual.
    let evaluate (backup: Backup) (shape: TableShape) : Program =
        let b = ProgramBuilder "policy evaluation"
        let t = tables b shape
        let policy = fromState b shape t.State "policy" [| shape.Actions |] DType.F32
        let cost = fromState b shape t.State "cost" [| shape.Actions |] DType.F32
        let value = valueState b shape
        let q = SoftBellman.action backup (reward b shape t) t.Probability (Shapes.gather value t.Next)
        keep b t value (t.Ended(SoftBellman.evaluate policy cost q))
        b.Build()

    /// One step of the forward messages: the mass of each state moves to its successors. Inputs: policy [A, S]; value [S], of the states after the
    /// step, which counts under the exact posterior alone. State: mass [S]. Outputs: total, the mass after the step; reward, what the step earned.
    let forward (backup: Backup) (shape: TableShape) : Program =
        let b = ProgramBuilder "forward messages"
        let t = tables b shape
        let policy = fromState b shape t.State "policy" [| shape.Actions |] DType.F32
        let values = b.Input("value", [| shape.States |], DType.F32)
        let mass = b.State("mass", [| shape.States |], DType.F32, [| 0.0 |])
        let own = t.Ended(Structure.unstack t.State mass)
        let moves = SoftBellman.successors backup t.Probability (Shapes.gather values t.Next)
        let flow = moves * Structure.restore [| 1 |] moves.Shape (policy * Build.fill policy.Shape own)
        let entries = shape.States * shape.Actions * shape.Successors
        let flat x = Shapes.reshape [| entries |] (Structure.stack t.State x)

        let next =
            Shapes.scatterAdd (Build.constantOf DType.F32 [| shape.States |] [| 0.0 |]) (flat t.Next) (flat flow)

        b.Output("total", Structure.sum [| 0 |] [] next)
        b.Output("reward", Structure.sum [||] [ t.State ] (own * Structure.sum [| 0 |] [] (policy * reward b shape t)))
        b.Next(mass, next)
        b.Build()

    /// One sweep of how many steps are to come, expected under a policy [A, S] and, for the exact posterior, the dynamics inferred with the value
    /// [S]. State: steps [S]. Output: residual.
    let duration (backup: Backup) (shape: TableShape) : Program =
        let b = ProgramBuilder "expected duration"
        let t = tables b shape
        let policy = fromState b shape t.State "policy" [| shape.Actions |] DType.F32
        let values = b.Input("value", [| shape.States |], DType.F32)
        let steps = b.State("steps", [| shape.States |], DType.F32, [| 0.0 |])
        let moves = SoftBellman.successors backup t.Probability (Shapes.gather values t.Next)
        let later = Structure.sum [| 1 |] [] (moves * Shapes.gather steps t.Next)
        keep b t steps (t.Ended(1.0 + Structure.sum [| 0 |] [] (policy * later)))
        b.Build()
