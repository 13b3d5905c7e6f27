using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace Inference.Runtime.Tests;

/// <summary>The examples of eight schools, run as processes.</summary>
public sealed class EightSchoolsExampleTests : ExampleTests
{
    private const string CSharp = "EightSchools";
    private const string FSharp = "EightSchools.FSharp";

    private static readonly double[] Effects = [28, 8, -3, 7, -1, 1, 18, 12];
    private static readonly double[] Errors = [15, 10, 16, 11, 9, 11, 10, 18];

    [Fact]
    public void The_exact_posterior_is_that_of_a_sum_over_both_parameters()
    {
        JsonElement found = Summary(CSharp, "--steps 1 --json --no-report");
        (double evidence, double[] means) = OverBoth();
        Assert.Equal(evidence, found.GetProperty("log_evidence").GetDouble(), 1e-6);
        Assert.All(means.Zip(Numbers(found, "means")), pair => Assert.Equal(pair.First, pair.Second, 2e-4));
    }

    [Fact]
    public void Wider_families_are_nearer_to_the_posterior_and_none_is_above_the_evidence()
    {
        JsonElement found = Summary(CSharp, "--steps 4000 --seed 1 --json --no-report");
        JsonElement[] families = [.. found.GetProperty("families").EnumerateArray()];
        Assert.Equal(["mean-field", "full-rank", "flow"], families.Select(family => family.GetProperty("name").GetString()));

        // 65,536 draws of log weights whose deviations are below 1: a standard error below 0.004.
        double[] bounds =
            [.. families.Select(family => family.GetProperty("elbo").GetDouble()), found.GetProperty("log_evidence").GetDouble()];
        Assert.All(bounds.Zip(bounds.Skip(1)), pair => Assert.True(pair.First < pair.Second - 0.01, $"{pair.First} before {pair.Second}"));

        double[] means = Numbers(found, "means"), deviations = Numbers(found, "deviations");
        double[] fullRank = Numbers(families[1], "means");
        Assert.All(
            Enumerable.Range(0, means.Length),
            k => Assert.InRange((fullRank[k] - means[k]) / deviations[k], -0.25, 0.25));
    }

    [Fact]
    public void Both_twins_find_the_same_to_the_bit()
    {
        string[] texts = [.. new[] { (CSharp, 1), (FSharp, 2) }.Select(run =>
        {
            string text = Run(run.Item1, $"--steps 40 --seed 7 --threads {run.Item2} --json --no-report").Lines[^1];
            return Regex.Replace(text, "\"seconds\":[^,]*,", "");
        })];
        Assert.Equal(texts[0], texts[1]);
        Assert.Empty(Directory.GetFiles(Folder.Path, "*.html"));
    }

    [Fact]
    public void Without_a_terminal_it_writes_lines_of_text_a_table_and_a_page_of_its_own()
    {
        AssertTells(CSharp, "--steps 80 --out page.html", "mean-field   step   80/80", "theta H", "-31.264", "page.html");

        JsonElement data = DataOf("page.html");
        JsonElement[] quantities = [.. data.GetProperty("quantities").EnumerateArray()];
        Assert.Equal(10, quantities.Length);
        foreach (JsonElement quantity in quantities)
        {
            double[] x = Numbers(quantity, "x");
            JsonElement[] densities = [.. quantity.GetProperty("densities").EnumerateArray()];
            Assert.Equal(4, densities.Length);
            double inside = densities[0].EnumerateArray().Sum(value => value.GetDouble()) * (x[1] - x[0]);
            Assert.InRange(inside, 0.98, 1.01);
        }
    }

    [Theory]
    [InlineData("--steps 0", "--steps is 0; expected at least 1.")]
    [InlineData("--out ", "--out is \"\"; expected a name.")]
    public void Wrong_usage_is_2_and_says_what_is_wrong(string arguments, string expected) => AssertWrongUsage(FSharp, arguments, expected);

    /// <summary>log p(y) and the posterior means of μ, τ and θ by sums over a grid of μ and log τ.</summary>
    private static (double LogEvidence, double[] Means) OverBoth()
    {
        const double StepOfMu = 0.1, StepOfLogTau = 0.02;
        double total = 0;
        double[] sums = new double[2 + Effects.Length];
        for (double logTau = Math.Log(5) - 7; logTau <= Math.Log(5) + 6; logTau += StepOfLogTau)
        {
            double tau = Math.Exp(logTau);
            for (double mu = -35; mu <= 35; mu += StepOfMu)
            {
                double density = Normal(mu, 0, 5) * Normal(logTau, Math.Log(5), 1);
                for (int k = 0; k < Effects.Length; k++)
                {
                    density *= Normal(Effects[k], mu, Math.Sqrt((Errors[k] * Errors[k]) + (tau * tau)));
                }

                total += density;
                sums[0] += density * mu;
                sums[1] += density * tau;
                for (int k = 0; k < Effects.Length; k++)
                {
                    double ofData = tau * tau / ((tau * tau) + (Errors[k] * Errors[k]));
                    sums[2 + k] += density * (mu + (ofData * (Effects[k] - mu)));
                }
            }
        }

        return (Math.Log(total * StepOfMu * StepOfLogTau), Array.ConvertAll(sums, sum => sum / total));
    }

    private static double Normal(double x, double mean, double deviation)
    {
        double z = (x - mean) / deviation;
        return Math.Exp(-0.5 * z * z) / (deviation * Math.Sqrt(2 * Math.PI));
    }
}
