using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace Inference.Runtime.Tests;

public sealed class ControlEpisodeTests
{
    private static readonly Mppi Small = new() { Samples = 64, Horizon = 8 };

    [Fact]
    public void An_episode_is_what_acting_and_stepping_by_hand_give()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Planner planner = ControlProcesses.Pendulum.Optimal(0.1).Plan(Small, engine);
        using MdpEnvironment pendulum = ControlProcesses.Pendulum.Environment(engine);
        var seen = new List<int>();
        Episode episode = pendulum.Simulate(planner, 12, seed: 3, start: [3f, 0f], afterStep: e => seen.Add(e.Steps));
        Assert.Equal(Enumerable.Range(1, 12), seen);
        Assert.Equal((12, 12, true, false), (episode.Steps, episode.MaximumSteps, episode.Truncated, episode.Terminated));
        Assert.Equal(12, episode.SolveMicroseconds.Length);
        Assert.True(episode.MedianSolveMicroseconds > 0);
        Assert.True(episode.SlowSolveMicroseconds >= episode.MedianSolveMicroseconds);

        planner.Reset();
        planner.Seed = 3;
        pendulum.Reset([3f, 0f], seed: 3);
        double total = 0;
        for (int step = 0; step < 12; step++)
        {
            Assert.Equal(pendulum.State.ToArray(), episode.State(step).ToArray());
            float[] action = planner.Act(pendulum.State).ToArray();
            Assert.Equal(action, episode.Action(step).ToArray());
            Assert.Equal(planner.Diagnostics.ToArray(), episode.Diagnostics(step).ToArray());
            float reward = pendulum.Step(action).Reward;
            Assert.Equal(reward, episode.Rewards[step]);
            total += reward;
        }

        Assert.Equal(pendulum.State.ToArray(), episode.State(12).ToArray());
        Assert.Equal(total, episode.Return);
        Assert.Throws<ArgumentOutOfRangeException>(() => episode.Action(12).Length);
    }

    [Fact]
    public void It_ends_where_the_process_does()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Planner planner = ControlProcesses.Walk.Optimal(0.1).Plan(Small, engine);
        using MdpEnvironment walk = ControlProcesses.Walk.Environment(engine);
        Episode episode = walk.Simulate(planner, 500, start: [2.9f]);
        Assert.True(episode.Steps < 500 && episode.Terminated && !episode.Truncated);
        Assert.True(episode.State(episode.Steps)[0] >= 3);

        // And where the environment's own limit is.
        using MdpEnvironment limited = ControlProcesses.Walk.Environment(engine, stepLimit: 2);
        episode = limited.Simulate(planner, 500, start: [-100f]);
        Assert.True(episode.Steps == 2 && episode.Truncated && !episode.Terminated);
    }

    [Fact]
    public void From_a_state_that_has_ended_it_nothing_is_earned_nor_planned_for()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Planner planner = ControlProcesses.Walk.Optimal(0.1).Plan(Small, engine);
        Episode episode = ControlProcesses.Walk.Simulate(planner, 10, start: [5f]);
        Assert.Equal((1, true, 0.0, 5f), (episode.Steps, episode.Terminated, episode.Return, episode.State(1)[0]));

        // Every return is 0, so that all samples weigh the same.
        Assert.Equal(64, planner.EffectiveSampleSize);
        Assert.Equal(0, planner.FreeEnergy);
    }

    [Fact]
    public void A_process_without_a_state_is_simulated()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Planner planner = ControlProcesses.Lever.Optimal(0.1).Plan(new Mppi { Samples = 1024, Horizon = 2 }, engine);
        Episode episode = ControlProcesses.Lever.Simulate(planner, 6, seed: 1);
        Assert.Equal((6, true, 0), (episode.Steps, episode.Truncated, episode.State(6).Length));
        Assert.InRange(episode.Action(5)[0], 0.7f, 1.3f);
        using var folder = new TemporaryFolder();
        episode.Report(Path.Combine(folder.Path, "lever.html"));
        Assert.Contains("lever", File.ReadAllText(Path.Combine(folder.Path, "lever.html")));
    }

    [Fact]
    public void It_ends_where_a_number_is_not_finite_and_counts_solves_without_a_plan()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Planner planner = ControlProcesses.Cliff.Optimal(0.1).Plan(Small, engine);
        using MdpEnvironment cliff = ControlProcesses.Cliff.Environment(engine);
        Episode episode = cliff.Simulate(planner, 50, start: [0f]);
        Assert.True(episode.NonFinite && episode.Steps == 3);
        Assert.All(episode.Status.ToArray(), status => Assert.Equal(PlannerOutcome.AllNonFinite, status.Outcome));
        Assert.Equal([2, 1, 0], episode.Status.ToArray().Select(status => status.NonFiniteStep!.Value));
    }

    [Fact]
    public void A_cancellation_ends_it_between_two_steps()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Planner planner = ControlProcesses.Walk.Optimal(0.1).Plan(Small, engine);
        using MdpEnvironment walk = ControlProcesses.Walk.Environment(engine);
        using var cancellation = new CancellationTokenSource();
        int steps = 0;
        Assert.Throws<OperationCanceledException>(() => walk.Simulate(
            planner,
            500,
            start: [-1000f],
            afterStep: _ =>
            {
                if (++steps == 3)
                {
                    cancellation.Cancel();
                }
            },
            cancellation: cancellation.Token));
        Assert.Equal(3, steps);
    }

    [Fact]
    public void Environment_and_planner_must_be_for_one_process()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Planner planner = ControlProcesses.Pendulum.Optimal(0.1).Plan(Small, engine);
        using MdpEnvironment walk = ControlProcesses.Walk.Environment(engine);
        string message = Assert.Throws<ArgumentException>(() => walk.Simulate(planner, 5, start: [0f])).Message;
        Assert.Contains("\"walk\"", message);
        Assert.Contains("\"mppi\"", message);
    }

    [Fact]
    public void Settings_reach_planner_and_process()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Planner planner = ControlProcesses.Flight.Optimal(0.1).Plan(Small, engine);
        using MdpEnvironment flight = ControlProcesses.Flight.Environment(engine);
        Episode episode = flight.Simulate(planner, 20, start: [0f, 0f, 0f], settings: [2f, -1f]);
        Assert.Equal(-5, episode.Rewards[0]);
        Assert.InRange(episode.Rewards[19], -0.5, 0);
    }

    [Fact]
    public void A_trace_reads_back_to_the_same_numbers()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Planner planner = ControlProcesses.Flight.Optimal(0.1).Plan(Small, engine);
        using MdpEnvironment flight = ControlProcesses.Flight.Environment(engine);
        Episode episode = flight.Simulate(planner, 4, start: [0f, 0f, 0f], settings: [2f, -1f]);
        using var writer = new StringWriter { NewLine = "\n" };
        episode.WriteTrace(writer);
        string[] lines = writer.ToString().TrimEnd('\n').Split('\n');
        Assert.Equal("t,Position[0],Position[1],Battery,Thrust[0],Thrust[1],reward", lines[0]);
        Assert.Equal(5, lines.Length);
        for (int step = 0; step < 4; step++)
        {
            float[] cells = [.. lines[step + 1].Split(',').Select(cell => float.Parse(cell, System.Globalization.CultureInfo.InvariantCulture))];
            Assert.Equal([step, .. episode.State(step), .. episode.Action(step), episode.Rewards[step]], cells);
        }
    }

    [Fact]
    public void A_report_is_one_page_that_asks_for_nothing_and_holds_the_episode()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Planner planner = ControlProcesses.Cliff.Optimal(0.1).Plan(Small, engine);
        using MdpEnvironment cliff = ControlProcesses.Cliff.Environment(engine);
        Episode episode = cliff.Simulate(planner, 50, start: [0f]);
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "cliff.html");
        episode.Report(path, new EpisodeReport
        {
            Title = "A </script> & {{script}}",
            Facts = [new("name", "</script>")],
            Graph = ModelGraphModule.ofMdp(3, ControlProcesses.Cliff.Process),
            Scene = new Scene("context.fillRect(0, 0, width, height); // </script>"),
        });
        string page = File.ReadAllText(path);
        Assert.Single(folder.Files);
        Assert.StartsWith("<!doctype html>", page);
        Assert.DoesNotContain("{{", page.Replace("{{script}}", ""));
        Assert.Equal(2, Regex.Count(page, "</script>"));
        Assert.Contains(ModelGraphModule.ofMdp(3, ControlProcesses.Cliff.Process).ToSvg().TrimEnd(), page);
        Assert.Contains("<title>A &lt;/script&gt; &amp; {{script}}</title>", page);
        Assert.Contains("<h1>A &lt;/script&gt; &amp; {{script}}</h1>", page);

        // Nothing is fetched: the only address is the name of the SVG namespace.
        Assert.Equal(["http://www.w3.org/2000/svg"], Regex.Matches(page, @"\w+://[^""']*").Select(match => match.Value).Distinct());
        Assert.DoesNotMatch(@"@import|<link[^>]*stylesheet|<script[^>]*src|fetch\(|XMLHttpRequest|WebSocket", page);

        string json = Regex.Match(page, "<script id=\"data\" type=\"application/json\">(.*?)</script>", RegexOptions.Singleline).Groups[1].Value;
        JsonElement data = JsonDocument.Parse(json).RootElement;
        Assert.Equal(JsonValueKind.Null, data.GetProperty("return").ValueKind);
        Assert.Equal(JsonValueKind.Null, data.GetProperty("rewards")[2].ValueKind);
        Assert.Equal(3, data.GetProperty("unsolved").GetInt32());
        Assert.Equal("Position", data.GetProperty("states")[0].GetProperty("name").GetString());
        Assert.Equal(4, data.GetProperty("states")[0].GetProperty("values").GetArrayLength());
        Assert.Equal(3, data.GetProperty("diagnostics").GetProperty("effective sample size").GetArrayLength());
        Assert.Contains("fillRect", data.GetProperty("scene").GetProperty("script").GetString());
    }
}
