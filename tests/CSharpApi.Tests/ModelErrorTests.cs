using System.Runtime.CompilerServices;
using Microsoft.FSharp.Core;
using Xunit;
using static Inference.Language;

namespace Inference.CSharpApi.Tests;

/// <summary>What is wrong with a model is found when it is built, and said with the site, what came, the place, and what mends it.</summary>
public class ModelErrorTests
{
    private static MdpModel<Point, Move> Walk => Mdp.Define<Point, Move>("walk").Step((s, u) => new Point(s.X + u.By));

    [Fact]
    public void Shapes_that_do_not_fit_are_found_within_the_users_lambda()
    {
        int line = Line();
        var failure = Assert.Throws<ModelException>(() => Mdp.Define<Cart, Push>("cart")
            .Start(new Cart(Zeros(2), Zeros(2)))
            .Step((s, u) =>
            {
                var pushed = s.Velocity + 0.1 * u.Force;
                var wrong = pushed + Zeros(3);
                return s with { Velocity = wrong };
            }));
        AssertSays(failure, line + 6, "cart", "Add needs two values of one shape; [2] and [3] came.", "Element shapes must be equal");
    }

    [Fact]
    public void A_field_of_another_shape_is_found_at_the_call_that_gives_the_part()
    {
        int line = Line();
        var failure = Assert.Throws<ModelException>(() => Mdp.Define<Cart, Push>("cart")
            .Start(new Cart(Zeros(2), Zeros(2)))
            .Step((s, u) => new Cart(s.Position, Sum(s.Velocity))));
        AssertSays(
            failure,
            line + 3,
            "cart",
            "The step of \"cart\": the field \"Velocity\" of Cart is declared with shape [2]; [] (a scalar) came.",
            "Mend the shape, or declare it with [Size(…)].");
    }

    [Fact]
    public void A_reward_is_a_scalar()
    {
        int line = Line();
        var failure = Assert.Throws<ModelException>(() => Mdp.Define<Cart, Push>("cart")
            .Reward((s, u) => Square(s.Position)));
        AssertSays(failure, line + 2, "cart", "The reward of \"cart\" must be a scalar; [2] came.", "Reduce it: Sum(x).");
    }

    [Fact]
    public void An_end_is_a_condition()
    {
        int line = Line();
        var failure = Assert.Throws<ModelException>(() => Walk
            .Terminate(s => s.X));
        AssertSays(failure, line + 2, "walk", "The termination of \"walk\" must be a Bool; F32 came.", "Compare");
    }

    [Fact]
    public void A_field_that_is_no_tensor_is_named()
    {
        int line = Line();
        var failure = Assert.Throws<ModelException>(() =>
            Mdp.Define<Labelled, Move>("labelled"));
        AssertSays(
            failure,
            line + 2,
            "labelled",
            "The field \"Label\" is of type String; a record of a model holds tensors.",
            "Make it a Tensor, a record of tensors, or a tuple of them.");
    }

    [Fact]
    public void Limits_that_are_reversed_are_named()
    {
        int line = Line();
        var failure = Assert.Throws<ModelException>(() => Mdp.Define<Point, Reversed>("reversed"));
        AssertSays(failure, line + 1, "reversed", "The field \"By\" has limits 2 … -2, which are reversed or empty.", "Give the low limit first.");

        line = Line();
        failure = Assert.Throws<ModelException>(() => Walk.Reward((s, u) => Clip(s.X, 1, -1)));
        AssertSays(failure, line + 1, "walk", "Clip has limits 1 … -1, which are reversed.", "Give the low limit first.");
    }

    [Fact]
    public void A_site_that_occurs_twice_is_named()
    {
        int line = Line();
        var failure = Assert.Throws<ModelException>(() => Walk.Start(
            from x in Sample("x", Normal(0, 1))
            from y in Sample("x", Normal(x, 1))
            select new Point(y)));
        AssertSays(failure, line + 3, "walk", "The site \"x\" occurs twice.", "Give each site of a program, plate or chain a name of its own.");
    }

    [Fact]
    public void A_site_of_an_FSharp_program_is_named_with_its_line()
    {
        var failure = Assert.Throws<ModelException>(() => Prob.trace(
            FuncConvert.FromFunc<string, Distribution, Tensor>((_, d) => d.Mean), Inference.Twins.Programs.twice()));
        Assert.Equal("Programs.fs", Path.GetFileName(failure.Location.File));
        string line = File.ReadLines(SolutionFolder.PathOf("tests/FSharpTwins/Programs.fs")).ElementAt(failure.Location.Line - 1);
        Assert.Equal("let! y = Sample(\"x\", Normal(x, 1.0))", line.Trim());
    }

    [Fact]
    public void A_known_parameter_out_of_range_is_named()
    {
        int line = Line();
        var failure = Assert.Throws<ModelException>(() => Walk.Start(
            from x in Sample("x", Normal(0, -1))
            select new Point(x)));
        AssertSays(
            failure, line + 2, "walk",
            "The site \"x\" has a Normal that needs a standard deviation > 0; -1 came.", "Give a parameter in range.");

        line = Line();
        failure = Assert.Throws<ModelException>(() => Walk.Start(
            from x in Sample("x", Uniform(PI, -PI))
            select new Point(x)));
        AssertSays(failure, line + 2, "walk", "The site \"x\" has a Uniform that needs high − low > 0; -6.28", "Give a parameter in range.");

        line = Line();
        failure = Assert.Throws<ModelException>(() => Walk.Start(
            from x in Sample("x", Bernoulli(probability: 1.5))
            select new Point(x)));
        AssertSays(
            failure, line + 2, "walk",
            "The site \"x\" has a Bernoulli that needs a probability in [0, 1]; 1.5 came.", "Give a parameter in range.");
    }

    [Fact]
    public void An_observation_of_another_shape_is_named()
    {
        int line = Line();
        var failure = Assert.Throws<ModelException>(() => Walk.Start(
            from z in Sample("z", Normal(0, 1))
            select new Point(z).Observed("image", Bernoulli(logits: Zeros(65)), Zeros(64))));
        AssertSays(
            failure, line + 3, "walk", "The site \"image\" observes a value of shape [64] under Bernoulli of shape [65].", "Make the shapes equal.");
    }

    [Fact]
    public void Bernoulli_takes_one_of_its_parameters()
    {
        Assert.Contains("both came", Assert.Throws<ModelException>(() => Bernoulli(logits: 1, probability: 0.5)).Message, StringComparison.Ordinal);
        Assert.Contains("neither came", Assert.Throws<ModelException>(() => Bernoulli()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_temperature_and_a_discount_have_their_ranges()
    {
        int line = Line();
        var failure = Assert.Throws<ModelException>(() => Walk.Optimal(temperature: 0));
        AssertSays(failure, line + 1, "walk", "The temperature of \"walk\" is 0.", "Choose it above 0");

        line = Line();
        failure = Assert.Throws<ModelException>(() => Walk.Discount(1.5));
        AssertSays(failure, line + 1, "walk", "The discount of \"walk\" is 1.5.", "Choose it in (0, 1].");
    }

    [Fact]
    public void A_step_that_needs_all_steps_of_its_own_loop_is_refused()
    {
        var failure = Assert.Throws<ModelException>(() => Function.Evaluate(
            (Tensor x) =>
            {
                FreeIndex day = TimeIndex("day", 4);
                (Tensor last, _) = Scan(day, x, carried => (Sin(carried) + SumOver(day, Sin(carried)), carried));
                return last;
            },
            1));
        Assert.Equal("A step of the loop over \"day\" needs F32[] (a scalar), which takes all steps of the loop together: they would need one another.", failure.Problem);
    }

    private static int Line([CallerLineNumber] int line = 0) => line;

    private static void AssertSays(ModelException failure, int line, string model, string problem, string mend)
    {
        Assert.Equal("ModelErrorTests.cs", Path.GetFileName(failure.Location.File));
        Assert.Equal(line, failure.Location.Line);
        Assert.Equal(model, failure.Model);
        Assert.StartsWith(problem, failure.Message, StringComparison.Ordinal);
        Assert.Contains($"  at ModelErrorTests.cs:{line}, in model \"{model}\"", failure.Message, StringComparison.Ordinal);
        Assert.StartsWith(mend, failure.Mend, StringComparison.Ordinal);
    }

    private sealed record Labelled(Tensor Value, string Label);

    private sealed record Reversed([Within(2, -2)] Tensor By);
}
