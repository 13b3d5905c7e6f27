namespace Inference;

/// <summary>Runs the programs that tabulate a finite process.</summary>
public static class FiniteTabulation
{
    /// <summary>The most entries of the tables of all times.</summary>
    private const double Capacity = 1L << 28;

    /// <summary>Evaluates a process at every state and action.</summary>
    /// <param name="program">The process's programs.</param>
    /// <param name="engine">The machine that runs them.</param>
    /// <param name="settings">The numbers of the settings; empty where the process has none.</param>
    /// <exception cref="ModelException">A part gives what it may not.</exception>
    /// <exception cref="ArgumentException">The count of numbers is wrong.</exception>
    public static FiniteMdp Run(TableProgram program, Engine engine, double[] settings)
    {
        ArgumentNullException.ThrowIfNull(program);
        if (program.ReadsTime)
        {
            throw new ModelException(
                $"\"{program.Name}\" reads the time, and its tables would differ from step to step.",
                LocationModule.ofUser(),
                program.Name,
                "Solve it over a finite horizon: new BackwardInduction { Steps = … }; or make the time a [Discrete(n)] field of the state, and let the step count it.");
        }

        return Tabulate(program, engine, settings, times: 1)[0];
    }

    /// <summary>Evaluates a process at every state and action, and solves it.</summary>
    /// <param name="program">The process's programs.</param>
    /// <param name="temperature">α.</param>
    /// <param name="semantics">What optimal means.</param>
    /// <param name="method">How messages are passed; null: value iteration. A process that reads the time needs a finite horizon.</param>
    /// <param name="engine">The machine. It outlives the solution.</param>
    /// <param name="settings">The numbers of the settings; empty where the process has none.</param>
    /// <exception cref="ModelException">A part gives what it may not, there are too many tables, or a value would be infinite.</exception>
    /// <exception cref="ArgumentException">The count of numbers is wrong.</exception>
    /// <exception cref="InvalidOperationException">Sweeps do not converge.</exception>
    public static FiniteSolution Solve(
        TableProgram program, double temperature, PlanningSemantics semantics, FiniteMethod? method, Engine engine, double[] settings)
    {
        ArgumentNullException.ThrowIfNull(program);
        IReadOnlyList<FiniteMdp> times = program.ReadsTime && method is BackwardInduction { Steps: >= 1 and var steps }
            ? RunAtEachTime(program, engine, settings, steps)
            : [Run(program, engine, settings)];
        return new FiniteSolution(new FiniteOptimal(times[0], temperature, semantics), times, method, engine, warns: true);
    }

    private static FiniteMdp[] RunAtEachTime(TableProgram program, Engine engine, double[] settings, int steps)
    {
        double entries = (double)program.States * program.Actions * program.Outcomes * steps;
        if (entries > Capacity)
        {
            throw new ModelException(
                $"\"{program.Name}\" reads the time: its tables at {steps} steps need {entries:G3} entries; at most {Capacity:G3} are taken.",
                LocationModule.ofUser(),
                program.Name,
                "Choose fewer steps, or fewer values of fields and sites.");
        }

        FiniteMdp[] times = Tabulate(program, engine, settings, steps);
        int successors = times.Max(process => process.Successors);
        return [.. times.Select(process => FiniteMdpModule.padded(successors, process))];
    }

    private static FiniteMdp[] Tabulate(TableProgram program, Engine engine, double[] settings, int times)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(settings);
        SpaceText.Require($"The process \"{program.Name}\"", "settings", program.SettingsSpace, settings.Length);
        using Executable steps = engine.Compile(program.Steps);
        if (settings.Length > 0)
        {
            steps.SetInput(steps.IndexOfInput("settings"), settings);
        }

        using Executable? starts = program.Start is { } start ? engine.Compile(start.Value) : null;
        starts?.Run();
        var processes = new FiniteMdp[times];
        for (int time = 0; time < times; time++)
        {
            if (program.ReadsTime)
            {
                steps.SetInput(steps.IndexOfInput("time"), [time]);
            }

            steps.Run();
            processes[time] = program.Read.Invoke(Numbers(steps), starts is null ? null! : Numbers(starts));
        }

        return processes;
    }

    /// <summary>An output's numbers by its name, or null where there is none.</summary>
    private static Func<string, double[]> Numbers(Executable executable) => name =>
    {
        for (int k = 0; k < executable.Outputs.Count; k++)
        {
            if (executable.Outputs[k].Slot.Name == name)
            {
                double[] numbers = new double[executable.Outputs[k].Slot.Shape.Aggregate(1, (size, axis) => size * axis)];
                executable.CopyOutput(k, numbers);
                return numbers;
            }
        }

        return null!;
    };
}
