namespace Inference.Examples.EightSchools;

/// <summary>What the page shows: the density of each quantity, exact and by family.</summary>
internal static class EightSchoolsPage
{
    private const string Summary = "A hierarchical model, fitted by three families of distributions, beside the exact posterior.";
    private const int Points = 121;

    // exact standard deviations to each side of the mean
    private const double Range = 3.5;

    public static void Write(EightSchoolsOptions options, EightSchoolsTwin twin, ExactPosterior exact, Approximation[] found, Engine engine) =>
        ExamplePage.Write(options, engine, "eight-schools", "Eight schools", Summary, twin.Prior.Graph("eight schools"), json =>
        {
            json.WriteNumber("steps", options.Steps);
            json.WriteNumber("evidence", exact.LogEvidence);
            json.WriteNumbers("effects", SchoolData.Effects.Select(v => (double)v));
            json.WriteNumbers("errors", SchoolData.Errors.Select(v => (double)v));
            json.WriteStartArray("families");
            foreach (Approximation a in found)
            {
                json.WriteStartObject();
                json.WriteString("name", a.Name);
                json.WriteNumber("elbo", a.Elbo);
                json.WriteNumber("seconds", a.Seconds);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("quantities");
            for (int k = 0; k < SchoolData.Quantities.Length; k++)
            {
                Marginal[] all = [exact.Marginals[k], .. found.Select(a => a.Marginals[k])];
                double low = k == SchoolData.Tau ? 0 : all[0].Mean - (Range * all[0].Deviation), high = all[0].Mean + (Range * all[0].Deviation);
                double[] x = [.. Enumerable.Range(0, Points).Select(at => low + ((high - low) * at / (Points - 1)))];
                json.WriteStartObject();
                json.WriteString("name", SchoolData.Quantities[k]);
                json.WriteNumbers("means", all.Select(m => m.Mean));
                json.WriteNumbers("deviations", all.Select(m => m.Deviation));
                json.WriteNumbers("x", x);
                json.WriteStartArray("densities");
                foreach (Marginal m in all)
                {
                    json.WriteStartArray();
                    foreach (double value in x)
                    {
                        json.WriteNumberValue(Math.Round(m.Density(value), 6));
                    }

                    json.WriteEndArray();
                }

                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
}
