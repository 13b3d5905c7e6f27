using System.Text.Json;
using Xunit;

namespace Inference.Runtime.Tests;

/// <summary>The examples that rank players, run as processes.</summary>
public sealed class SkillExampleTests : ExampleTests
{
    private const string CSharp = "Skill";
    private const string FSharp = "Skill.FSharp";

    [Fact]
    public void Skills_are_near_the_true_ones_and_predict_matches_that_are_held()
    {
        JsonElement found = Summary(CSharp, "--json --no-report");
        Assert.True(found.GetProperty("converged").GetBoolean());
        Assert.Equal(0, found.GetProperty("improper").GetInt32());
        Assert.InRange(found.GetProperty("rank_correlation").GetDouble(), 0.95, 1);
        Assert.True(found.GetProperty("log_loss").GetDouble() < 0.7 * found.GetProperty("base_log_loss").GetDouble());
        Assert.True(found.GetProperty("draws").GetInt32() > 20);

        // Three probabilities a match, of which one comes true: means over all bins agree.
        JsonElement[] bins = [.. found.GetProperty("calibration").EnumerateArray()];
        double Total(string name) => bins.Sum(bin => bin.GetProperty(name).GetDouble() * bin.GetProperty("count").GetInt32());
        Assert.Equal(200, Total("predicted"), 0.1);
        Assert.Equal(200, Total("seen"), 0.1);
        Assert.All(bins.Where(bin => bin.GetProperty("count").GetInt32() > 60), bin =>
            Assert.Equal(bin.GetProperty("predicted").GetDouble(), bin.GetProperty("seen").GetDouble(), 0.15));
    }

    [Fact]
    public void Both_twins_find_the_same_to_the_bit_on_any_number_of_threads()
    {
        AssertSameSummary((CSharp, "--players 12 --matches 150 --sweeps 40 --seed 7 --threads 1"), (FSharp, "--players 12 --matches 150 --sweeps 40 --seed 7 --threads 2"), (CSharp, "--players 12 --matches 150 --sweeps 40 --seed 7 --threads 7"));
    }

    [Fact]
    public void Matches_are_read_from_a_file_and_a_page_of_its_own_is_written()
    {
        string[] rows = ["first,second,result", "Anna,Ben,1", "Ben,Cleo,1", "Anna,Cleo,1", "Cleo,Anna,0", "Ben,Anna,0.5", "Cleo,Ben,0"];
        File.WriteAllLines(Path.Combine(Folder.Path, "matches.csv"), rows);
        ExampleResult result = Run(FSharp, "--file matches.csv --held 0 --out page.html");
        Assert.Equal(("", 0), (result.Errors, result.ExitCode));
        Assert.Contains(result.Lines, line => line.Contains("1    │ Anna", StringComparison.Ordinal));
        Assert.Contains(result.Lines, line => line.Contains("Converged", StringComparison.Ordinal));

        JsonElement data = DataOf("page.html");
        double[] skills = [.. data.GetProperty("skills").EnumerateArray().Select(value => value.GetDouble())];
        Assert.True(skills[0] > skills[1] && skills[1] > skills[2]);
    }

    [Theory]
    [InlineData("--players 1", "--players is 1; expected at least 2.")]
    [InlineData("--held 2", "--held is 2; expected 0 to 1.")]
    [InlineData("--damping 1", "--damping is 1; expected 0 to below 1.")]
    public void Wrong_usage_is_2_and_says_what_is_wrong(string arguments, string expected) => AssertWrongUsage(FSharp, arguments, expected);

    [Fact]
    public void A_row_that_is_no_match_is_an_error_with_its_line()
    {
        File.WriteAllLines(Path.Combine(Folder.Path, "matches.csv"), ["Anna,Ben,1", "Anna,Anna,1"]);
        ExampleResult result = Run(CSharp, "--file matches.csv --no-report");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("Line 2 of matches.csv is \"Anna,Anna,1\"", result.Errors);
    }
}
