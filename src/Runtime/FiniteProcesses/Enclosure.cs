namespace Inference;

/// <summary>
/// A proof, by two more sweeps, of how far a value is from the solution. T is monotone: if T(V + ε·h) ≤ V + ε·h and T(V − ε·h) ≥ V − ε·h, then a
/// solution lies between the two. h is the expected number of steps to come, along which the difference of two sweeps may add up.
/// </summary>
internal static class Enclosure
{
    private const int MaximumSweeps = 20_000;
    private const int Widenings = 8;

    /// <summary>A bound on |V − V*| in every state, or null where none is proved.</summary>
    public static double? Of(FiniteSolver solver, FiniteMessages messages)
    {
        double[] value = messages.Values[0];
        if (Durations(solver, messages) is not { } steps)
        {
            return null;
        }

        double margin = solver.Rounding();
        double width = 2 * (messages.Residual + (2 * margin));
        for (int k = 0; k < Widenings; k++, width *= 2)
        {
            if (Holds(solver, value, steps, width, margin) && Holds(solver, value, steps, -width, margin))
            {
                return width * steps.Max();
            }
        }

        return null;
    }

    private static double[]? Durations(FiniteSolver solver, FiniteMessages messages)
    {
        // Where nothing is earned any more two sweeps cannot differ: such states are over.
        using TableExecutable sweep = solver.LoadUntilRest(shape => MessagePrograms.duration(solver.Backup, shape));
        sweep.SetTable("policy", messages.Policies[0]);
        sweep.Set("value", messages.Values[0]);
        for (int k = 0; k < MaximumSweeps; k++)
        {
            if (!sweep.Run())
            {
                return null;
            }

            if (sweep.Output("residual") < 0.01)
            {
                return sweep.State("steps", new double[messages.Values[0].Length]);
            }
        }

        return null;
    }

    private static bool Holds(FiniteSolver solver, double[] value, double[] steps, double width, double margin)
    {
        double[] edge = [.. value.Zip(steps, (v, h) => v + (width * h))];
        solver.Decide.SetState("value", edge);
        if (!solver.Decide.Run())
        {
            return false;
        }

        double[] after = solver.Decide.State("value", new double[value.Length]);
        for (int state = 0; state < value.Length; state++)
        {
            double inward = Math.Sign(width) * (edge[state] - after[state]);

            // An end has no steps to come and a value of 0, whatever is around it.
            if (steps[state] > 0 && !(inward >= margin))
            {
                return false;
            }
        }

        return true;
    }
}
