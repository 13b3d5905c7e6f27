namespace Inference;

/// <summary>Runs the programs that tabulate a finite process.</summary>
public static class FiniteTabulation
{
    /// <summary>Evaluates a process at every state and action.</summary>
    /// <param name="program">The process's programs.</param>
    /// <param name="engine">The machine that runs them.</param>
    /// <param name="settings">The numbers of the settings; empty where the process has none.</param>
    /// <exception cref="ModelException">A part gives what it may not.</exception>
    /// <exception cref="ArgumentException">The count of numbers is wrong.</exception>
    public static FiniteMdp Run(TableProgram program, Engine engine, double[] settings)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(settings);
        SpaceText.Require($"The process \"{program.Steps.Name}\"", "settings", program.SettingsSpace, settings.Length);
        using Executable steps = engine.Compile(program.Steps);
        if (settings.Length > 0)
        {
            steps.SetInput(steps.IndexOfInput("settings"), settings);
        }

        steps.Run();
        if (program.Start is not { } start)
        {
            return program.Read.Invoke(Numbers(steps), null!);
        }

        using Executable starts = engine.Compile(start.Value);
        starts.Run();
        return program.Read.Invoke(Numbers(steps), Numbers(starts));
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
