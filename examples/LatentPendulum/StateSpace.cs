using static Inference.Language;

namespace Inference.Examples.LatentPendulum;

/// <summary>What is carried from step to step.</summary>
/// <param name="Hidden">The deterministic path.</param>
/// <param name="Code">The stochastic path.</param>
public sealed record Latent(Tensor Hidden, Tensor Code);

/// <summary>A recurrent state-space model (Hafner et al., "Learning latent dynamics for planning from pixels", 2019).</summary>
public sealed class StateSpace
{
    private readonly int _latents;
    private readonly Network _encoder, _input, _prior, _posterior, _decoder, _reward;
    private readonly RecurrentNetwork _cell;
    private readonly Tensor _logScale = Parameter.create("observation.log_scale", [], Initializer.Constant(-1.5));
    private readonly Tensor _logRewardScale = Parameter.create("reward.log_scale", [], Initializer.Constant(-1.5));

    /// <summary>Makes the networks.</summary>
    public StateSpace(StateSpaceSizes n)
    {
        ArgumentNullException.ThrowIfNull(n);
        _latents = n.Latents;
        Start = new Latent(Zeros(n.Width), Zeros(n.Latents));
        Network Mlp(string name, params int[] sizes) => Net.Mlp(name, sizes, Activation.Elu);
        _encoder = Mlp("encoder", Recording.Observed, n.Width, n.Width);
        _input = Net.Linear("input", n.Latents + 1, n.Width);
        _cell = Net.Gru("cell", n.Width, n.Width);
        _prior = Mlp("prior", n.Width, n.Width, 2 * n.Latents);
        _posterior = Mlp("posterior", 2 * n.Width, n.Width, 2 * n.Latents);
        _decoder = Mlp("decoder", n.Width + n.Latents, n.Width, n.Width, Recording.Observed);
        _reward = Mlp("reward", n.Width + n.Latents, n.Width, n.Width, 1);
    }

    /// <summary>The steps of a recording.</summary>
    public FreeIndex Time { get; } = TimeIndex("time", Recording.Steps);

    /// <summary>Where the latent path starts.</summary>
    public Latent Start { get; }

    /// <summary>The model of a recording with its guide.</summary>
    public GuidedModel<Recording> Guided() =>
        Inference.Model.Define<Recording, Chain<Latent, Latent>>(Model, "state space").With(Inference.Guide.Define<Recording, Chain<Latent, Latent>>(Guide));

    /// <summary>Draws the latent path from the prior, and observes what was recorded.</summary>
    public Prob<Chain<Latent, Latent>> Model(Recording r) => Markov(Time, Start, s =>
    {
        Tensor hidden = Hidden(s, r);
        return from z in Sample("z", Prior(hidden))
               let next = new Latent(hidden, z)
               select next
                   .Observed("observation", Observation(next), Unstack(r.Observation, Time))
                   .Observed("reward", Reward(next), Unstack(r.Reward, Time));
    });

    /// <summary>Draws the latent path, knowing the observations so far.</summary>
    public Prob<Chain<Latent, Latent>> Guide(Recording r) => Markov(Time, Start, s =>
    {
        Tensor hidden = Hidden(s, r);
        return from z in Sample("z", Posterior(hidden, r)) select new Latent(hidden, z);
    });

    /// <summary>The means of all observations along a latent path that has seen those of the context.</summary>
    public Prob<Tensor> Imagine(Recording r)
    {
        Tensor isSeen = Constant([.. Enumerable.Range(0, Recording.Steps).Select(t => t < Recording.Context ? 1.0 : 0.0)]);
        return from path in Markov(Time, Start, s =>
               {
                   Tensor hidden = Hidden(s, r), seen = Fill(Unstack(isSeen, Time), _latents);
                   return from known in Sample("known", Posterior(hidden, r))
                          from imagined in Sample("imagined", Prior(hidden))
                          select new Latent(hidden, (seen * known) + ((1 - seen) * imagined));
               })
               select Stack(Observation(path.Each).Mean, Time);
    }

    /// <summary>The deterministic path after a step.</summary>
    public Tensor Hidden(Latent s, Recording r) =>
        _cell.Apply(s.Hidden, Activation.Elu.Invoke(_input.Apply(Concat(0, s.Code, Unstack(r.Action, Time)))));

    /// <summary>What the stochastic path is drawn from before the observation is seen.</summary>
    public Distribution Prior(Tensor hidden) => Gaussian(_prior.Apply(hidden));

    /// <summary>What it is drawn from afterwards.</summary>
    public Distribution Posterior(Tensor hidden, Recording r)
    {
        Tensor embedding = Activation.Elu.Invoke(_encoder.Apply(Unstack(r.Observation, Time)));
        return Gaussian(_posterior.Apply(Concat(0, hidden, embedding)));
    }

    /// <summary>What is observed of a latent state.</summary>
    public Distribution Observation(Latent s) => Normal(_decoder.Apply(Both(s)), Fill(Exp(_logScale), Recording.Observed));

    /// <summary>What it earns.</summary>
    public Distribution Reward(Latent s) => Normal(Element(_reward.Apply(Both(s)), 0), Exp(_logRewardScale));

    private static Tensor Both(Latent s) => Concat(0, s.Hidden, s.Code);

    private Distribution Gaussian(Tensor code) =>
        Normal(Slice(code, 0, 0, _latents), Softplus(Slice(code, 0, _latents, 2 * _latents)) + 0.1);
}
