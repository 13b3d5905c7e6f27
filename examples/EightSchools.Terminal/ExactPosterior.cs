namespace Inference.Examples.EightSchools;

/// <summary>
/// The posterior without approximation. Given τ the model is linear and Gaussian (Gelman et al., Bayesian Data Analysis, 2013, section 5.4), so that μ
/// and θ integrate out in closed form; over log τ stands the trapezoidal rule, whose error falls faster than any power of its step.
/// </summary>
internal sealed record ExactPosterior
{
    private const int Points = 1201;

    // prior standard deviations of log τ to each side
    private const double Range = 9;

    /// <summary>log p(y) in nats.</summary>
    public required double LogEvidence { get; init; }

    /// <summary>The marginals of <see cref="SchoolData.Quantities"/>.</summary>
    public required Marginal[] Marginals { get; init; }

    /// <summary>Integrates.</summary>
    public static ExactPosterior Compute()
    {
        double step = 2 * Range / (Points - 1), centre = Math.Log(SchoolData.MedianOfDeviation);
        Slice[] slices = [.. Enumerable.Range(0, Points).Select(k => Slice.At(centre - Range + (k * step)))];
        double most = slices.Max(s => s.LogJoint);
        double total = slices.Sum(s => Math.Exp(s.LogJoint - most));
        double[] weights = Array.ConvertAll(slices, s => Math.Exp(s.LogJoint - most) / total);
        double logEvidence = most + Math.Log(total * step);
        double meanOfTau = slices.Zip(weights, (s, w) => w * s.Tau).Sum();
        double squareOfTau = slices.Zip(weights, (s, w) => w * s.Tau * s.Tau).Sum();

        Marginal Mixture(Func<Slice, (double Mean, double Variance)> of) => Marginal.Mixture([.. slices.Zip(weights, (s, w) => (w, of(s).Mean, of(s).Variance))]);

        return new ExactPosterior
        {
            LogEvidence = logEvidence,
            Marginals =
            [
                Mixture(s => s.Mu),
                new Marginal(
                    meanOfTau,
                    Math.Sqrt(squareOfTau - (meanOfTau * meanOfTau)),
                    tau => tau <= 0 ? 0 : Math.Exp(Slice.At(Math.Log(tau)).LogJoint - logEvidence) / tau),
                .. Enumerable.Range(0, SchoolData.Count).Select(k => Mixture(s => s.Theta(k))),
            ],
        };
    }

    /// <summary>What holds given one τ.</summary>
    /// <param name="Tau">The deviation.</param>
    /// <param name="LogJoint">log p(y, log τ).</param>
    /// <param name="Mu">μ given τ and y.</param>
    private sealed record Slice(double Tau, double LogJoint, (double Mean, double Variance) Mu)
    {
        public static Slice At(double logTau)
        {
            double tau = Math.Exp(logTau), fromPrior = logTau - Math.Log(SchoolData.MedianOfDeviation);
            double priorVariance = SchoolData.PriorOfMean * SchoolData.PriorOfMean, precision = 1 / priorVariance, pull = 0;
            double logJoint = (-0.5 * fromPrior * fromPrior) - (0.5 * Math.Log(2 * Math.PI)) - (0.5 * Math.Log(priorVariance));
            for (int k = 0; k < SchoolData.Count; k++)
            {
                double y = SchoolData.Effects[k], variance = VarianceOf(k, tau);
                precision += 1 / variance;
                pull += y / variance;
                logJoint -= 0.5 * (Math.Log(2 * Math.PI * variance) + (y * y / variance));
            }

            logJoint += 0.5 * ((pull * pull / precision) - Math.Log(precision));
            return new Slice(tau, logJoint, (pull / precision, 1 / precision));
        }

        /// <summary>θ of a school given τ and y.</summary>
        public (double Mean, double Variance) Theta(int school)
        {
            double error = SchoolData.Errors[school], shrinkage = error * error / VarianceOf(school, Tau);
            double mean = ((1 - shrinkage) * SchoolData.Effects[school]) + (shrinkage * Mu.Mean);
            return (mean, (shrinkage * Tau * Tau) + (shrinkage * shrinkage * Mu.Variance));
        }

        private static double VarianceOf(int school, double tau) => (SchoolData.Errors[school] * (double)SchoolData.Errors[school]) + (tau * tau);
    }
}
