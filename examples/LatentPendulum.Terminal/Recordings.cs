using static Inference.Language;

namespace Inference.Examples.LatentPendulum;

/// <summary>Recordings of Gymnasium's Pendulum-v1 under random torques.</summary>
/// <param name="Count">How many.</param>
/// <param name="Observation">Recording after recording, row by row.</param>
/// <param name="Action">The torques likewise.</param>
/// <param name="Reward">The rewards likewise.</param>
internal sealed record Recordings(int Count, float[] Observation, float[] Action, float[] Reward)
{
    private const double Noise = 0.1;
    private const double TorqueKept = 0.8;
    private const double TorqueDeviation = 0.8;

    // Test recordings are runs of the program that no training comes to.
    private const long FirstOfTest = 1L << 32;

    /// <summary>As a learner takes them.</summary>
    public Dataset Dataset => Inference.Dataset.Columns(("Observation", Observation), ("Action", Action), ("Reward", Reward));

    /// <summary>Draws recordings to train and to test with; a longer training set begins with a shorter one.</summary>
    public static (Recordings Training, Recordings Test) Draw(int training, int test, long seed, Engine engine)
    {
        using var program = new DrawingProgram(engine, "recording", _ => Program());
        return (Of(program, 0, training, seed), Of(program, FirstOfTest, test, seed));
    }

    private static Recordings Of(DrawingProgram program, long first, int count, long seed)
    {
        var made = new Recordings(
            count, new float[count * Recording.Steps * Recording.Observed], new float[count * Recording.Steps], new float[count * Recording.Steps]);
        for (int k = 0; k < count; k++)
        {
            program.Run(seed, first + k);
            program.Get("observation", Row(made.Observation, k, Recording.Observed));
            program.Get("action", Row(made.Action, k, 1));
            program.Get("reward", Row(made.Reward, k, 1));
        }

        return made;

        static Span<float> Row(float[] values, int k, int width) => values.AsSpan(k * Recording.Steps * width, Recording.Steps * width);
    }

    private static Prob<(string Name, Tensor Value)[]> Program()
    {
        FreeIndex time = TimeIndex("time", Recording.Steps);
        return
            from angle in Sample("angle", Uniform(-PI, PI))
            from velocity in Sample("velocity", Uniform(-2, 2))
            from chain in Markov<Swing, Row>(time, new Swing(angle, velocity, Zeros()), Step)
            let all = chain.Each
            select new[]
            {
                ("observation", Stack(all.Observation, time)), ("action", Stack(all.Action, time)), ("reward", Stack(all.Reward, time)),
            };
    }

    // The equations of examples/Pendulum.
    private static Prob<(Swing Next, Row Seen)> Step(Swing s) =>
        from push in Sample("push", Normal(0, TorqueDeviation))
        let torque = Clip((TorqueKept * s.Torque) + push, -2, 2)
        let velocity = Clip(s.Velocity + (((15 * Sin(s.Angle)) + (3 * torque)) * 0.05), -8, 8)
        let angle = s.Angle + (velocity * 0.05)
        let reward = -(Square(WrapAngle(angle)) + (0.1 * Square(velocity)) + (0.001 * Square(torque)))
        from seen in Sample("seen", Normal(Pack(Cos(angle), Sin(angle)), Fill(Noise, Recording.Observed)))
        select (new Swing(angle, velocity, torque), new Row(seen, torque, reward / Recording.RewardUnit));

    private sealed record Swing(Tensor Angle, Tensor Velocity, Tensor Torque);

    private sealed record Row(Tensor Observation, Tensor Action, Tensor Reward);
}
