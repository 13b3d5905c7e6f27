namespace Inference.Examples.CartLqr;

/// <summary>One episode of the cart.</summary>
/// <param name="Positions">Of the cart, in metres, at each time.</param>
/// <param name="Angles">Of the pole, in radians from upright, at each time; a whole turn further is upright again.</param>
/// <param name="Forces">In newtons, at each step.</param>
/// <param name="Return">The sum of rewards.</param>
internal sealed record Run(double[] Positions, double[] Angles, double[] Forces, double Return)
{
    /// <summary>Whether the pole ends within half a radian of upright.</summary>
    public bool IsUpright => Math.Abs(Math.IEEERemainder(Angles[^1], 2 * Math.PI)) < 0.5;

    /// <summary>Runs an episode from where the environment stands.</summary>
    /// <param name="environment">The cart, reset.</param>
    /// <param name="steps">Steps to take.</param>
    /// <param name="act">The force at a step.</param>
    public static Run Of(MdpEnvironment environment, int steps, Func<int, float> act)
    {
        var positions = new List<double> { environment.State[0] };
        var angles = new List<double> { environment.State[3] - Math.PI };
        var forces = new List<double>();
        Leaf limits = environment.ActionSpace.Leaves[0];
        double total = 0;
        for (int step = 0; step < steps; step++)
        {
            float force = Math.Clamp(act(step), (float)limits.Low, (float)limits.High);
            total += environment.Step([force]).Reward;
            forces.Add(force);
            positions.Add(environment.State[0]);
            angles.Add(environment.State[3] - Math.PI);
        }

        return new Run([.. positions], [.. angles], [.. forces], total);
    }
}
