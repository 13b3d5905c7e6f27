using System.Text.Json;
using Inference.Examples.LatentPendulum;
using Microsoft.FSharp.Collections;
using Xunit;
using static Inference.Language;

namespace Inference.Runtime.Tests;

/// <summary>The examples of the latent pendulum: their objective, and runs as processes at small sizes.</summary>
public sealed class LatentPendulumExampleTests : ExampleTests
{
    private const string CSharp = "LatentPendulum";
    private const string FSharp = "LatentPendulum.FSharp";
    private const string Small = "--width 16 --latents 3 --recordings 100";

    private static readonly string[] Keys =
        ["epochs", "seed", "test_elbo", "state_space", "feed_forward", "last_value", "seconds", "parameters_sha256"];

    [Fact]
    public void The_objective_and_its_gradients_are_those_written_by_hand()
    {
        var space = new StateSpace(new StateSpaceSizes(6, 2));
        var builder = new ProgramBuilder("objectives");
        Recording recording = new(
            builder.Input("observation", [Recording.Steps, Recording.Observed], DType.F32),
            builder.Input("action", [Recording.Steps, 1], DType.F32),
            builder.Input("reward", [Recording.Steps], DType.F32));
        Tensor derived = Run(EvidenceBoundModule.derive(Objective.Elbo(), space.Model(recording), space.Guide(recording))).Value;
        Tensor byHand = Run(ByHand(space, recording));
        Tensor[] parameters = builder.Parameters([derived], 3);
        foreach ((string name, Tensor value) in new[] { ("derived", derived), ("by hand", byHand) })
        {
            builder.Output(name, value);
            Tensor[] gradients = Calculus.gradient(value, parameters);
            for (int k = 0; k < parameters.Length; k++)
            {
                builder.Output($"{name} {Parameter.nameOf(parameters[k])}", gradients[k]);
            }
        }

        using var engine = new Engine(new EngineOptions { Threads = 1, Precision = Precision.Double });
        using Executable program = engine.Compile(builder.Build());
        SetWaves(program, "observation", Recording.Steps * Recording.Observed, 0.7);
        SetWaves(program, "action", Recording.Steps, 0.3);
        SetWaves(program, "reward", Recording.Steps, 0.2);
        program.Run();
        Assert.InRange(Output(program, "derived")[0], -1000, 1000);
        foreach (string name in parameters.Select(Parameter.nameOf).Select(name => " " + name).Prepend(""))
        {
            double[] expected = Output(program, "by hand" + name), found = Output(program, "derived" + name);
            double size = expected.Max(Math.Abs);
            Assert.True(size > 0, name);
            Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-9 * size));
        }
    }

    [Fact]
    public void Both_twins_learn_the_same_parameters_to_the_bit()
    {
        JsonElement ours = Summary(CSharp, $"{Small} --epochs 2 --seed 5 --threads 1 --json --no-report");
        JsonElement theirs = Summary(FSharp, $"{Small} --epochs 2 --seed 5 --threads 2 --json --no-report");
        Assert.Equal(Keys.Order(), ours.EnumerateObject().Select(property => property.Name).Order());
        Assert.All(Keys.Except(["seconds"]), key => Assert.Equal(ours.GetProperty(key).ToString(), theirs.GetProperty(key).ToString()));
        Assert.Empty(Directory.GetFiles(Folder.Path, "*.html"));
    }

    [Fact]
    public void What_is_imagined_is_better_than_what_its_rivals_predict()
    {
        JsonElement found = Summary(CSharp, "--width 48 --latents 6 --recordings 400 --epochs 60 --json --no-report");
        double Of(string predictor) => found.GetProperty(predictor).GetDouble();

        // The noise alone costs log 2π + ½·2·0.1² = 1.848 nats a step.
        Assert.InRange(Of("state_space"), -2.1, -1.83);
        Assert.True(Of("state_space") > Of("feed_forward") + 0.05, $"{Of("state_space")} beside {Of("feed_forward")}");
        Assert.True(Of("state_space") > Of("last_value") + 0.3, $"{Of("state_space")} beside {Of("last_value")}");
    }

    [Fact]
    public void A_run_that_is_resumed_ends_as_one_that_was_not_stopped()
    {
        string Digest(string arguments) =>
            Summary(CSharp, $"{Small} {arguments} --json --no-report").GetProperty("parameters_sha256").GetString()!;

        string half = Digest("--epochs 1 --resume space.safetensors");
        string whole = Digest("--epochs 3 --resume space.safetensors");
        Assert.NotEqual(half, whole);
        Assert.Equal(whole, Digest("--epochs 3"));
    }

    [Fact]
    public void Without_a_terminal_it_writes_lines_of_text_a_table_and_a_page_of_its_own()
    {
        AssertTells(CSharp, $"{Small} --epochs 2 --out page.html", "epoch    2/2", "feed-forward network", "nats a step", "page.html");

        JsonElement data = DataOf("page.html");
        Assert.Equal(2, data.GetProperty("learning").GetArrayLength());
        Assert.Equal(30, data.GetProperty("stateSpace").GetArrayLength());
        JsonElement[] shown = [.. data.GetProperty("shown").EnumerateArray()];
        Assert.Equal(6, shown.Length);
        foreach (JsonElement recording in shown)
        {
            double[][] observed = [.. recording.GetProperty("observed").EnumerateArray().Select(Numbers)];
            Assert.Equal([40, 40], observed.Select(values => values.Length));

            // cos² + sin² is 1 but for the noise.
            Assert.InRange(observed[0].Zip(observed[1]).Average(pair => (pair.First * pair.First) + (pair.Second * pair.Second)), 0.85, 1.2);
            Assert.Equal([30, 30], recording.GetProperty("feedForward").EnumerateArray().Select(values => values.GetArrayLength()));
            Assert.All(Numbers(recording.GetProperty("torque")[0]), torque => Assert.InRange(torque, -2, 2));
        }
    }

    [Theory]
    [InlineData("--epochs 0", "--epochs is 0; expected at least 1.")]
    [InlineData("--latents 0", "--latents is 0; expected at least 1.")]
    [InlineData("--resume ", "--resume is \"\"; expected a name.")]
    public void Wrong_usage_is_2_and_says_what_is_wrong(string arguments, string expected) => AssertWrongUsage(FSharp, arguments, expected);

    /// <summary>Σ over steps of the log-likelihood less KL(posterior ‖ prior), Normals with standard deviations (Hafner et al., 2019, equation 3).</summary>
    private static Prob<Tensor> ByHand(StateSpace space, Recording r)
    {
        FreeIndex time = space.Time;
        return from terms in Markov<Latent, Tensor>(time, space.Start, s =>
               {
                   Tensor hidden = space.Hidden(s, r);
                   Distribution p = space.Prior(hidden), q = space.Posterior(hidden, r);
                   Tensor pDeviation = Sqrt(p.Variance), qDeviation = Sqrt(q.Variance);
                   Tensor divergence = Sum(
                       Log(pDeviation / qDeviation) + ((Square(qDeviation) + Square(q.Mean - p.Mean)) / (2 * Square(pDeviation))) - 0.5);
                   return from z in Sample("z", q)
                          let next = new Latent(hidden, z)
                          let seen = Gaussian(Unstack(r.Observation, time), space.Observation(next))
                          let earned = Gaussian(Unstack(r.Reward, time), space.Reward(next))
                          select (next, seen + earned - divergence);
               })
               select SumOver(time, terms.Each);
    }

    private static Tensor Gaussian(Tensor x, Distribution d)
    {
        Tensor variance = d.Variance;
        return Sum((-0.5 * (Square(x - d.Mean) / variance)) - (0.5 * Log(2 * PI * variance)));
    }

    private static T Run<T>(Prob<T> program)
    {
        Tensor Word(double value) => Convert(Fill(value), DType.U32);
        return program.Run(ProbContext.At(
            SampleSource.NewDraw([Word(3), Word(4)], [Word(5), Word(6)]), new Trace(), FSharpList<FreeIndex>.Empty, FSharpList<FreeIndex>.Empty));
    }

    private static void SetWaves(Executable program, string input, int count, double pace) =>
        program.SetInput(program.IndexOfInput(input), [.. Enumerable.Range(0, count).Select(k => Math.Sin(pace * k))]);

    private static double[] Output(Executable program, string name)
    {
        int at = program.IndexOfOutput(name);
        double[] values = new double[program.Outputs[at].Slot.Shape.Aggregate(1, (product, size) => product * size)];
        program.CopyOutput(at, values);
        return values;
    }
}
