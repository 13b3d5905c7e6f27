using Inference.Compiler;
using Xunit;
using static Inference.Language;

namespace Inference.CSharpApi.Tests;

public record Point(Tensor X);

public record Move([Within(-1, 1)] Tensor By);

public record Prize(Tensor Value);

/// <summary>What each part of a process does to the return of a plan, by hand. All plans here are of zeros: X counts 0, 1, 2, 3.</summary>
public sealed class PartTests : IDisposable
{
    private const int Horizon = 4;
    private readonly Engine _engine = new(new EngineOptions { Threads = 1, Cache = false });

    private static MdpModel<Point, Move> Walk => Mdp.Define<Point, Move>("walk")
        .Start(new Point(0))
        .Step((s, u) => new Point(s.X + 1 + u.By));

    public void Dispose() => _engine.Dispose();

    [Fact]
    public void The_return_is_the_sum_of_rewards() => Assert.Equal(0 + 1 + 2 + 3, ReturnOf(Walk.Reward((s, u) => s.X)));

    [Fact]
    public void A_terminal_value_is_added() =>
        Assert.Equal(6 + 10 * 4, ReturnOf(Walk.Reward((s, u) => s.X).TerminalValue(s => 10 * s.X)));

    [Fact]
    public void A_discount_weighs_each_step_and_the_terminal_value()
    {
        var model = Walk.Reward((s, u) => s.X).TerminalValue(s => 10 * s.X).Discount(0.5);
        Assert.Equal(0 + 0.5 * 1 + 0.25 * 2 + 0.125 * 3 + 0.0625 * 40, ReturnOf(model));
    }

    [Fact]
    public void The_terminating_reward_counts_later_ones_and_the_terminal_value_do_not()
    {
        var model = Walk.Reward((s, u) => s.X + 1).TerminalValue(s => 10 * s.X).Terminate(s => s.X >= 3);
        Assert.Equal(1 + 2 + 3, ReturnOf(model));
        Assert.Equal(1 + 2 + 3 + 4 + 10 * 4, ReturnOf(model.Terminate(s => s.X >= 5)));
    }

    [Fact]
    public void Parts_may_read_the_time_and_it_counts_the_solves()
    {
        var timed = Mdp.Define<Point, Move>("timed").Step((s, u, t) => new Point(s.X + t)).Reward((s, u, t) => t);
        using Planner planner = Follow(timed.Optimal(1));
        planner.Act([0]);
        Assert.Equal(0 + 1 + 2 + 3, planner.Diagnostic("return"));
        Assert.Equal(0 + 0 + 1 + 2 + 3, planner.Diagnostic("final"));
        planner.Act([0]);
        Assert.Equal(1 + 2 + 3 + 4, planner.Diagnostic("return"));
        planner.Reset();
        planner.Act([0]);
        Assert.Equal(0 + 1 + 2 + 3, planner.Diagnostic("return"));
    }

    [Fact]
    public void Settings_change_without_recompiling_or_allocating()
    {
        var model = Mdp.Define<Point, Move, Prize>("prized")
            .Step((s, u, g) => new Point(s.X + 1 + u.By))
            .Reward((s, u, g, t) => g.Value * s.X + 0 * t)
            .TerminalValue((s, g) => 10 * g.Value);
        using Planner planner = Follow(model.Optimal(1));
        float[] state = [0], two = [2], three = [3];
        planner.Act(state, two);
        Assert.Equal(2 * 6 + 20, planner.Diagnostic("return"));
        planner.Act(state, three);

        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int k = 0; k < 100; k++)
            {
                planner.Act(state, k % 2 == 0 ? two : three);
            }
        }));
        Assert.Equal(3 * 6 + 30, planner.Diagnostic("return"));
    }

    [Fact]
    public void A_stochastic_step_is_what_the_interpreter_makes_of_it()
    {
        PlannerProgram program = MppiModule.plan(new MppiSettings(8, 5, 0.5, 3, 4, null), Carts.Model.Optimal(1));
        double[] state = [0.3, -0.2, 0.1, 0], goal = [1, 0.5, 2];
        var inputs = new Dictionary<string, double[]> { ["state"] = state, ["settings"] = goal, ["seed"] = [11, 0] };
        var (expected, _) = Interpreter.Run(program.Program, inputs, new Dictionary<string, int>(), inDouble: false);

        using var planner = new Planner(program, _engine, seed: 11);
        planner.Act([0.3f, -0.2f, 0.1f, 0], [1, 0.5f, 2]);
        for (int k = 0; k < planner.Plan.Length; k++)
        {
            Assert.Equal(expected["means"][k], planner.Plan[k], 1e-5);
        }

        Assert.Equal(expected["effective sample size"][0], planner.EffectiveSampleSize, 1e-3);
        Assert.Equal(expected["free energy"][0], planner.FreeEnergy, 1e-3);
        Assert.Equal(expected["elbo"][0], planner.Elbo, 1e-2);
    }

    [Fact]
    public void An_environment_steps_the_same_process()
    {
        var model = Walk.Reward((s, u) => 10 * s.X).Terminate(s => s.X >= 2);
        using MdpEnvironment environment = model.Environment(_engine);
        environment.Reset(0);
        Assert.Equal(new StepResult(0, false, false), environment.Step([-0.5f]));
        Assert.Equal(0.5f, environment.State[0]);
        Assert.Equal(new StepResult(5, true, false), environment.Step([5]));
        Assert.Equal(2.5f, environment.State[0]);
        Assert.Throws<InvalidOperationException>(() => environment.Step([0]));
    }

    private static Planner Follow<S, A, G>(Optimal<S, A, G> optimal, Engine engine) =>
        optimal.Plan(
            "follow",
            Horizon,
            p => from outcome in p.Follow(p.Mean)
                 select Plan.Of(p.Mean, ("return", outcome.Return), ("final", Record.toTensors(outcome.Final)[0])),
            engine);

    private Planner Follow<S, A, G>(Optimal<S, A, G> optimal) => Follow(optimal, _engine);

    private double ReturnOf(MdpModel<Point, Move> model)
    {
        using Planner planner = Follow(model.Optimal(1));
        planner.Act([0]);
        return planner.Diagnostic("return");
    }
}
