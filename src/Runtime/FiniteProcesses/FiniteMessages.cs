namespace Inference;

/// <summary>V, Q and π of a finite process, at each time of a finite horizon or once for all.</summary>
internal sealed class FiniteMessages
{
    public FiniteMessages(FiniteMdp process, int? steps)
    {
        Steps = steps;
        int times = steps ?? 1, pairs = process.Actions * process.States;
        Values = Tables(times + (steps is null ? 0 : 1), process.States);
        Qualities = Tables(times, pairs);
        Policies = Tables(times, pairs);
    }

    /// <summary>The horizon, or null.</summary>
    public int? Steps { get; }

    /// <summary>[time][state]; of a finite horizon, the last is the terminal value.</summary>
    public double[][] Values { get; }

    /// <summary>Q: [time][action, state].</summary>
    public double[][] Qualities { get; }

    /// <summary>[time][action, state].</summary>
    public double[][] Policies { get; }

    /// <summary>max |V′ − V| of the last sweep; 0 for a finite horizon.</summary>
    public double Residual { get; set; }

    private static double[][] Tables(int times, int size) => [.. Enumerable.Range(0, times).Select(_ => new double[size])];
}
