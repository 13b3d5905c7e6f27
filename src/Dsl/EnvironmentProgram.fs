namespace Inference

/// An MDP closed to two programs, so that it can be stepped as an environment.
type EnvironmentPrograms =
    {
        Name: string
        /// Draws a start: seed (two words) and episode number in, state out.
        Reset: Program option
        /// Observes a given state at the start of an episode: seed, episode number and state in, observation out. None where the
        /// observation is the state.
        Observe: Program option
        /// Steps: owns the state and the time; action, settings and seed in; reward, end of the episode and observation out. From a
        /// state that ends the episode by itself nothing moves, the reward is 0 and the episode ends.
        Step: Program
        StateSpace: Space
        ActionSpace: Space
        SettingsSpace: Space
        ObservationCount: int
    }

[<RequireQualifiedAccess>]
module EnvironmentPrograms =
    let private words (b: ProgramBuilder) =
        let x = b.Input("seed", [| 2 |], DType.U32)
        [| Shapes.at 0 0 x; Shapes.at 0 1 x |]

    let private observe (mdp: Mdp<'S, 'A, 'G>) (s: 'S) : Prob<Tensor> =
        match mdp.Observation with
        | Some f ->
            Prob.sampleAt "observation" (f s) Location.unknown
            |> Prob.map (fun x -> Shapes.reshape [| x.Count |] x)
        | None -> Prob.result (Flat.ofRecord mdp.StateSpace s)

    let private reset (mdp: Mdp<'S, 'A, 'G>) start =
        let b = ProgramBuilder(mdp.Name + " reset")
        let seed = words b
        let episode = b.Input("episode", [||], DType.U32)

        let (state, observation), _ =
            Prob.draw
                seed
                [| episode; Build.scalar DType.U32 0.0 |]
                []
                []
                (prob {
                    let! s = Prob.named "start" start
                    let! o = observe mdp s
                    return s, o
                })

        b.Output("state", Flat.ofRecord mdp.StateSpace state)
        b.Output("observation", observation)
        b.Build()

    let private observeAt (mdp: Mdp<'S, 'A, 'G>) =
        let b = ProgramBuilder(mdp.Name + " observation")
        let seed = words b
        let episode = b.Input("episode", [||], DType.U32)
        let state = b.Input("state", [| max 1 mdp.StateSpace.Count |], DType.F32)
        let s: 'S = Flat.toRecord mdp.StateSpace state
        let observation, _ = Prob.draw seed [| episode; Build.scalar DType.U32 0.0 |] [] [] (observe mdp s)
        b.Output("observation", observation)
        b.Build()

    let private step (mdp: Mdp<'S, 'A, 'G>) =
        let b = ProgramBuilder(mdp.Name + " step")
        let seed = words b
        let episode = b.Input("episode", [||], DType.U32)
        let action = b.Input("action", [| max 1 mdp.ActionSpace.Count |], DType.F32)
        let settings = b.Input("settings", [| max 1 mdp.SettingsSpace.Count |], DType.F32)
        let current = b.State("state", [| max 1 mdp.StateSpace.Count |], DType.F32, [| 0.0 |])
        let time = b.State("time", [||], DType.U32, [| 0.0 |])
        let s: 'S = Flat.toRecord mdp.StateSpace current
        let a: 'A = Flat.toRecord mdp.ActionSpace action |> Flat.clip mdp.ActionSpace
        let g: 'G = Flat.toRecord mdp.SettingsSpace settings
        let clock = Build.convert DType.F32 time

        // an episode that has ended before its first step goes nowhere and is worth nothing
        let ended, unless =
            match mdp.Termination with
            | Some test ->
                let ended = test s g
                ended, (fun (x: Tensor) (otherwise: Tensor) -> Build.select ended (Build.convert otherwise.DType x) otherwise)
            | None -> Build.scalar DType.Bool 0.0, (fun _ otherwise -> otherwise)

        let (next, observation), _ =
            Prob.draw
                seed
                [| episode; Build.binary BinaryOp.Add time (Build.scalar DType.U32 1.0) |]
                []
                []
                (prob {
                    let! next = Prob.named "step" (Mdp.stepOf mdp s a g clock)
                    let next = Array.map2 unless (Record.toTensors s) (Record.toTensors next) |> Record.ofTensors<'S>
                    let! o = observe mdp next
                    return next, o
                })

        b.Output("reward", unless (Build.scalar DType.F32 0.0) ((Mdp.part mdp "Reward" mdp.Reward) s a g clock))

        b.Output(
            "terminated",
            (match mdp.Termination with
             | Some test -> Language.Or(ended, test next g)
             | None -> ended)
        )

        b.Output("observation", observation)
        b.Next(current, Flat.ofRecord mdp.StateSpace next)
        b.Next(time, Build.binary BinaryOp.Add time (Build.scalar DType.U32 1.0))
        b.Build(), observation.Count

    let derive (mdp: Mdp<'S, 'A, 'G>) : EnvironmentPrograms =
        Fail.within mdp.Name (fun () ->
            let step, count = step mdp

            {
                Name = mdp.Name
                Reset = mdp.Start |> Option.map (reset mdp)
                Observe = mdp.Observation |> Option.map (fun _ -> observeAt mdp)
                Step = step
                StateSpace = mdp.StateSpace
                ActionSpace = mdp.ActionSpace
                SettingsSpace = mdp.SettingsSpace
                // a vector has at least one element, also that of a state without fields
                ObservationCount = if mdp.Observation.IsSome then count else mdp.StateSpace.Count
            })
