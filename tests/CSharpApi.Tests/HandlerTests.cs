using Microsoft.FSharp.Collections;
using Xunit;
using static Inference.Language;

namespace Inference.CSharpApi.Tests;

/// <summary>Handlers as C# writes them: what becomes of a program's value and of the weight of its run.</summary>
public class HandlerTests
{
    private static readonly Prob<Tensor> Model =
        from z in Sample("z", Normal(0, 1))
        select z.Observed("y", Normal(2 * z, 1), 3);

    [Fact]
    public void A_condition_weighs_and_an_intervention_does_not()
    {
        double[] conditioned = Run(Model.Condition(("z", 1)));
        Assert.Equal([1, LogNormal(1, 0) + LogNormal(3, 2)], conditioned, Near);
        double[] intervened = Run(Model.Intervene(("z", 1)));
        Assert.Equal([1, LogNormal(3, 2)], intervened, Near);
    }

    [Fact]
    public void Masks_and_scales_change_the_weight_alone()
    {
        Prob<Tensor> known = Model.Condition(("z", 1));
        Assert.Equal([1, 10 * (LogNormal(1, 0) + LogNormal(3, 2))], Run(known.Scale(10)), Near);
        Assert.Equal([1, 0], Run(known.Mask(Less(1, 0))), Near);
    }

    [Fact]
    public void A_prediction_draws_what_is_observed()
    {
        double[] values = Run(Model.Intervene(("z", 1)).Predict().Traced().Select(run => run.Trace.TryFind("y").Value.Value));
        Assert.NotEqual(3, values[0]);
        Assert.InRange(values[0], 2 - 6, 2 + 6);
        Assert.Equal(0, values[1]);
    }

    [Fact]
    public void A_replay_takes_the_values_of_a_trace()
    {
        Trace known = Draw(Sample("z", Normal(0, 1)).Condition(("z", 0.25))).Trace;
        Assert.Equal([0.25, LogNormal(3, 0.5)], Run(Model.Replay(known)), Near);
        Assert.NotEqual(0.25, Run(Prob.named("other", Model).Replay(known))[0]);
    }

    [Fact]
    public void What_is_cut_has_no_derivative_and_what_is_blocked_is_not_traced()
    {
        Prob<Tensor> Square(Tensor x) => from z in Sample("z", Dirac(x)) select z * z;
        Assert.Equal([6], Function.Evaluate((Tensor x) => Gradient(Draw(Square(x)).Value, x), 3));
        Assert.Equal([0], Function.Evaluate((Tensor x) => Gradient(Draw(Square(x).Cut("z")).Value + (0 * x), x), 3));
        Assert.Equal(["y"], Draw(Model.Block("z")).Trace.Sites.Select(site => site.Path));
    }

    [Fact]
    public void A_site_that_is_not_there_is_refused()
    {
        ModelException failure = Assert.Throws<ModelException>(() => Run(Model.Condition(("x", 1))));
        Assert.Contains("the site \"x\"", failure.Message);
        Assert.Contains("\"z\", \"y\"", failure.Message);
    }

    private static bool Near(double a, double b) => Math.Abs(a - b) < 1e-9;

    private static double LogNormal(double x, double mean) => (-0.5 * (x - mean) * (x - mean)) - (0.5 * Math.Log(2 * Math.PI));

    private static (T Value, Trace Trace) Draw<T>(Prob<T> program)
    {
        Tensor[] words = [Build.scalar(DType.U32, 7), Build.scalar(DType.U32, 0)];
        (T value, Trace trace) = Prob.draw(words, words, FSharpList<FreeIndex>.Empty, FSharpList<FreeIndex>.Empty, program);
        return (value, trace);
    }

    /// <summary>The value of a run, and its log-weight.</summary>
    private static double[] Run(Prob<Tensor> program) => Function.Evaluate(
        (Tensor nothing) =>
        {
            (Tensor value, Trace trace) = Draw(program);
            return Pack(value, trace.Factors.Aggregate(Zeros(), (sum, factor) => sum + factor));
        },
        0);
}
