namespace Inference;

/// <summary>The numbers of a linear-quadratic process; see <see cref="LinearQuadraticProgram"/> for what each is.</summary>
internal sealed class LinearQuadraticNumbers
{
    /// <summary>Evaluates the process.</summary>
    /// <exception cref="ArgumentException">The count of the settings' numbers is wrong.</exception>
    public LinearQuadraticNumbers(LinearQuadraticProgram process, Engine engine, double[] settings)
    {
        SpaceText.Require($"The process \"{process.Name}\"", "settings", process.SettingsSpace, settings.Length);
        Process = process;
        using var program = new NamedExecutable(engine, process.Coefficients);
        if (settings.Length > 0)
        {
            program.Set("settings", settings);
        }

        program.Run();
        RequireCovariances(program);
        Dynamics = Finite(program, "dynamics", "step");
        Reward = Finite(program, "reward", "reward");
        Terminal = program.TryOutput("terminal") is null ? null : Finite(program, "terminal", "terminal value");
        if (process.Shape.Observations > 0)
        {
            Observation = Finite(program, "observation", "observation");
            ObservationNoise = Finite(program, "observationNoise", "observation");
            Start = Finite(program, "start", "start");
            StartCovariance = Finite(program, "startCovariance", "start");
        }
    }

    public LinearQuadraticProgram Process { get; }

    public LinearQuadraticShape Shape => Process.Shape;

    /// <summary>[n+1, n+1+m+k], a matrix a step for a finite horizon.</summary>
    public double[] Dynamics { get; }

    /// <summary>[n+1+m, n+1+m], a matrix a step for a finite horizon.</summary>
    public double[] Reward { get; }

    /// <summary>[n+1, n+1], or null.</summary>
    public double[]? Terminal { get; }

    /// <summary>[p, n+1]</summary>
    public double[] Observation { get; } = [];

    /// <summary>[p, p]</summary>
    public double[] ObservationNoise { get; } = [];

    /// <summary>[n]</summary>
    public double[] Start { get; } = [];

    /// <summary>[n, n]</summary>
    public double[] StartCovariance { get; } = [];

    /// <summary>Compiles a program over the process and writes those of its inputs that are the process's.</summary>
    public NamedExecutable Load(Engine engine, Program program)
    {
        var loaded = new NamedExecutable(engine, program);
        loaded.Set("dynamics", Dynamics);
        loaded.Set("reward", Reward);
        loaded.Set("temperature", Process.Temperature);
        loaded.Set("discount", Process.Discount);
        if (Shape.Observations > 0)
        {
            loaded.Set("observation", Observation);
            loaded.Set("observationNoise", ObservationNoise);
        }

        return loaded;
    }

    private void RequireCovariances(NamedExecutable program)
    {
        int bad = Process.Draws.Length == 0 ? -1 : Array.FindIndex(program.Numbers("spreads"), x => !double.IsFinite(x));
        if (bad >= 0)
        {
            throw Refuse(
                $"The covariance of {Process.Draws[bad]} of \"{Process.Name}\" is not positive definite, or not finite.",
                "Give a covariance that is symmetric with positive eigenvalues.");
        }
    }

    private double[] Finite(NamedExecutable program, string output, string part)
    {
        double[] numbers = program.Numbers(output);
        return Array.TrueForAll(numbers, double.IsFinite)
            ? numbers
            : throw Refuse($"The {part} of \"{Process.Name}\" has a coefficient that is not finite, or a derivative that is not at 0.", "Give finite numbers.");
    }

    private ModelException Refuse(string problem, string mend) => new(problem, LocationModule.ofUser(), Process.Name, mend);
}
