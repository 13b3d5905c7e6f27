namespace Inference.Examples.LatentPendulum

open Inference

open type Inference.Language

/// What is carried from step to step: the deterministic and the stochastic path.
type internal Latent = { Hidden: Tensor; Code: Tensor }

/// A recurrent state-space model (Hafner et al., "Learning latent dynamics for planning from pixels", 2019).
type internal StateSpace(n: StateSpaceSizes) =
    let time = TimeIndex("time", Recording.Steps)
    let start = { Hidden = Zeros n.Width; Code = Zeros n.Latents }
    let elu = Activation.Elu
    let mlp name sizes = Net.Mlp(name, sizes, elu)
    let encoder = mlp "encoder" [| Recording.Observed; n.Width; n.Width |]
    let input = Net.Linear("input", n.Latents + 1, n.Width)
    let cell = Net.Gru("cell", n.Width, n.Width)
    let priorNet = mlp "prior" [| n.Width; n.Width; 2 * n.Latents |]
    let posteriorNet = mlp "posterior" [| 2 * n.Width; n.Width; 2 * n.Latents |]
    let decoder = mlp "decoder" [| n.Width + n.Latents; n.Width; n.Width; Recording.Observed |]
    let rewardNet = mlp "reward" [| n.Width + n.Latents; n.Width; n.Width; 1 |]
    let logScale = Parameter.create "observation.log_scale" [||] (Initializer.Constant -1.5)
    let logRewardScale = Parameter.create "reward.log_scale" [||] (Initializer.Constant -1.5)

    let hidden (s: Latent) (r: Recording) =
        cell.Apply(s.Hidden, elu.Invoke(input.Apply(Concat(0, s.Code, Unstack(r.Action, time)))))

    let gaussian code =
        Normal(Slice(code, 0, 0, n.Latents), Softplus(Slice(code, 0, n.Latents, 2 * n.Latents)) + 0.1)

    /// What the stochastic path is drawn from before the observation is seen, and afterwards.
    let prior h = gaussian (priorNet.Apply h)

    let posterior h (r: Recording) =
        let embedding = elu.Invoke(encoder.Apply(Unstack(r.Observation, time)))
        gaussian (posteriorNet.Apply(Concat(0, h, embedding)))

    let both s = Concat(0, s.Hidden, s.Code)
    let observation s = Normal(decoder.Apply(both s), Fill(Exp logScale, Recording.Observed))
    let reward s = Normal(Element(rewardNet.Apply(both s), 0), Exp logRewardScale)

    /// Draws the latent path from the prior, and observes what was recorded.
    let model (r: Recording) =
        Prob.markov time start (fun s ->
            prob {
                let h = hidden s r
                let! z = Sample("z", prior h)
                let next = { Hidden = h; Code = z }
                do! Observe("observation", observation next, Unstack(r.Observation, time))
                do! Observe("reward", reward next, Unstack(r.Reward, time))
                return next, ()
            })

    /// Draws the latent path, knowing the observations so far.
    let guide (r: Recording) =
        Prob.markov time start (fun s ->
            prob {
                let h = hidden s r
                let! z = Sample("z", posterior h r)
                return { Hidden = h; Code = z }, ()
            })

    /// The model of a recording with its guide.
    member _.Guided = (Model.define "state space" model).With(Guide.define "guide" guide)

    /// The means of all observations along a latent path that has seen those of the context.
    member _.Imagine(r: Recording) : Prob<Tensor> =
        let isSeen = Constant(Array.init Recording.Steps (fun t -> if t < Recording.Context then 1.0 else 0.0))

        prob {
            let! _, path =
                Prob.markov time start (fun s ->
                    prob {
                        let h, seen = hidden s r, Fill(Unstack(isSeen, time), n.Latents)
                        let! known = Sample("known", posterior h r)
                        let! imagined = Sample("imagined", prior h)
                        let next = { Hidden = h; Code = seen * known + (1.0 - seen) * imagined }
                        return next, next
                    })

            return Stack((observation path).Mean, time)
        }
