using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Xunit;

namespace Inference.Runtime.Tests;

/// <summary>The pendulum examples, run as processes.</summary>
public sealed class ControlExampleTests : ExampleTests
{
    private const string CSharp = "Pendulum";
    private const string FSharp = "Pendulum.FSharp";

    private static readonly string[] Keys =
    [
        "return", "steps", "seed", "samples", "horizon", "noise", "temperature", "solve_microseconds_median", "solve_microseconds_p99",
        "compile_seconds", "first_action_seconds", "actions_sha256", "threads", "instruction_set",
    ];

    [Theory]
    [InlineData(CSharp)]
    [InlineData(FSharp)]
    public void The_last_line_is_a_summary_that_agrees_with_the_trace(string example)
    {
        ExampleResult result = Run(example, "--steps 20 --seed 3 --samples 256 --threads 1 --json --trace trace.csv --out page.html");
        Assert.Equal(("", 0), (result.Errors, result.ExitCode));
        JsonElement summary = JsonDocument.Parse(Assert.Single(result.Lines)).RootElement;
        Assert.Equal(Keys.Order(), summary.EnumerateObject().Select(property => property.Name).Order());
        Assert.Equal(20, summary.GetProperty("steps").GetInt32());
        Assert.Equal(3, summary.GetProperty("seed").GetInt32());
        Assert.Equal(256, summary.GetProperty("samples").GetInt32());
        Assert.Equal(1, summary.GetProperty("threads").GetInt32());
        Assert.InRange(summary.GetProperty("first_action_seconds").GetDouble(), summary.GetProperty("compile_seconds").GetDouble(), 600);

        string[] rows = File.ReadAllLines(Path.Combine(Folder.Path, "trace.csv"));
        Assert.Equal("t,Angle,Velocity,Value,reward", rows[0]);
        Assert.Equal(21, rows.Length);
        float[][] cells = [.. rows[1..].Select(row => row.Split(',').Select(cell => float.Parse(cell, CultureInfo.InvariantCulture)).ToArray())];
        Assert.Equal([0, MathF.PI, 0], cells[0][..3]);
        Assert.Equal(summary.GetProperty("return").GetDouble(), cells.Sum(row => (double)row[4]), 1e-9);
        Assert.Equal(summary.GetProperty("actions_sha256").GetString(), Digest([.. cells.Select(row => row[3])]));
        Assert.Contains("<!doctype html>", File.ReadAllText(Path.Combine(Folder.Path, "page.html")));
    }

    [Fact]
    public void Both_twins_choose_the_same_actions_to_the_bit()
    {
        string[] digests = [.. new[] { (CSharp, 1), (FSharp, 2), (CSharp, 7) }.Select(run =>
        {
            ExampleResult result = Run(run.Item1, $"--steps 30 --random-start --seed 11 --json --no-report --threads {run.Item2}");
            return JsonDocument.Parse(result.Lines[^1]).RootElement.GetProperty("actions_sha256").GetString()!;
        })];
        Assert.Single(digests.Distinct());
        Assert.Empty(Directory.GetFiles(Folder.Path, "*.html"));
    }

    [Fact]
    public void Without_a_terminal_it_writes_lines_of_text_and_the_page()
    {
        AssertTells(CSharp, "--steps 16 --samples 128", "16/16", "angle", "torque", "return", "µs", "pendulum.html");

        Assert.True(File.Exists(Path.Combine(Folder.Path, "pendulum.html")));
    }

    [Theory]
    [InlineData("--nonsense", "--nonsense")]
    [InlineData("--samples 0", "--samples is 0; expected at least 1.")]
    [InlineData("--samples many", "many")]
    [InlineData("--noise -1", "--noise is -1; expected above 0.")]
    [InlineData("--temperature 0", "--temperature is 0; expected above 0.")]
    [InlineData("--threads 1000000", "--threads is 1000000; expected 0 to")]
    [InlineData("--out ", "--out is \"\"; expected a name.")]
    [InlineData("--trace ", "--trace is \"\"; expected a name.")]
    [InlineData("leftover", "leftover")]
    public void Wrong_usage_is_2_and_says_what_is_wrong(string arguments, string expected) => AssertWrongUsage(CSharp, arguments, expected);

    [Theory]
    [InlineData("--out missing/folder/page.html")]
    [InlineData("--trace missing/folder/trace.csv")]
    public void A_file_that_cannot_be_written_is_1_before_anything_runs(string file)
    {
        AssertFails(1, CSharp, "--steps 2 --samples 16 " + file, "missing");
        Assert.Empty(Folder.Files);
    }

    [Theory]
    [InlineData("--samples 2000000000 --horizon 1000", "bytes of workspace, more than there is. Fewer samples or a shorter horizon need less.")]
    [InlineData("--steps 2147483647", "An episode of 2147483647 steps needs more memory than there is. Fewer steps need less.")]
    [InlineData("--temperature 1e-50", "The temperature of \"pendulum\" is 1E-50.")]
    public void What_cannot_be_computed_is_1_and_says_why(string arguments, string expected)
    {
        AssertFails(1, CSharp, "--no-report " + arguments, expected);
    }

    [Fact]
    public void Help_explains_every_option_with_its_default()
    {
        ExampleResult result = Run(FSharp, "--help");
        Assert.Equal(0, result.ExitCode);
        string help = string.Join('\n', result.Lines);
        foreach (string text in new[] { "1024", "50", "0.1", "200", "pendulum.html", "--random-start", "--trace", "--json", "--no-report" })
        {
            Assert.Contains(text, help);
        }
    }

    [Fact]
    public async Task An_interrupt_is_130()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        // It would run for minutes, and says something every few hundred steps.
        using Process process = Start(CSharp, "--steps 4000 --samples 100000 --no-report");
        Task<string> errors = process.StandardError.ReadToEndAsync();
        Assert.Contains("step", await process.StandardOutput.ReadLineAsync());
        using Process kill = Process.Start("kill", ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)]);
        await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal((130, "Cancelled."), (process.ExitCode, (await errors).Trim()));
    }

    private static string Digest(float[] actions)
    {
        byte[] bytes = new byte[4 * actions.Length];
        for (int k = 0; k < actions.Length; k++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(4 * k), actions[k]);
        }

        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }

    private Process Start(string example, string arguments) => ExampleProcess.Start(Folder, example, arguments);
}
