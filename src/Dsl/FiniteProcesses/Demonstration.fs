namespace Inference

/// Episodes that follow a policy of a finite process, drawn: a plate of episodes, each a Markov chain.
[<RequireQualifiedAccess>]
module Demonstration =
    let private choice (probabilities: Tensor) = Categorical(log probabilities) :> Distribution

    /// Inputs: next, probability and ends as everywhere; policy [T, A, S], or [1, A, S] where it is one for all times; start [S]; seed. Outputs: states
    /// [episodes, T + 1] and actions [episodes, T]. An episode that has ended stays where it is.
    let derive (shape: TableShape) (episodes: int) (steps: int) (perStep: bool) : Program =
        let b = ProgramBuilder "demonstrations"

        let table name dtype = MessagePrograms.table b shape name [| shape.Actions; shape.Successors |] dtype
        let next, probability = table "next" DType.I32, table "probability" DType.F32
        let time = FreeIndex("step", Extent.Fixed steps, IndexKind.Time)

        let given =
            b.Input("policy", [| (if perStep then steps else 1); shape.Actions; shape.States |], DType.F32)

        let policy = if perStep then Structure.unstack time given else Shapes.at 0 0 given
        let start = b.Input("start", [| shape.States |], DType.F32)
        let seed = b.Input("seed", [| 2 |], DType.U32)
        let zero = Build.scalar DType.U32 0.0

        let goes =
            if shape.Endless then
                fun _ -> Build.scalar DType.Bool 1.0
            else
                let ends = b.Input("ends", [| shape.States |], DType.F32)
                fun s -> less (Shapes.gather ends s) (Build.scalar DType.F32 0.5)

        let program =
            prob {
                let! first = Prob.sampleAt "start" (choice start) Location.unknown

                let! last, (each, actions) =
                    Prob.markov time first (fun s ->
                        prob {
                            let! action =
                                Prob.sampleAt "action" (choice (Shapes.gather (Shapes.transpose [| 1; 0 |] policy) s)) Location.unknown

                            let row table = Shapes.gather (Shapes.gather table s) action
                            let! outcome = Prob.sampleAt "outcome" (choice (row probability)) Location.unknown
                            let after = Build.select (goes s) (Shapes.gather (row next) outcome) s
                            return after, (s, action)
                        })

                return last, each, actions
            }

        let plate = FreeIndex("episode", Extent.Fixed episodes, IndexKind.Plate)
        let word k = Shapes.at 0 k seed
        let drawn, _ = Prob.draw [| word 0; word 1 |] [| zero; zero |] [] [] (Prob.plate plate program)
        let last, each, actions = drawn.Value
        let over x = Structure.stack plate (Structure.stack time x)
        let final = Shapes.reshape [| episodes; 1 |] (Structure.stack plate last)
        b.Output("states", Shapes.concat 1 [| over each; final |])
        b.Output("actions", over actions)
        b.Build()
