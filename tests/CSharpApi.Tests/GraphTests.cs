using Xunit;
using static Inference.Language;

namespace Inference.CSharpApi.Tests;

/// <summary>What docs/graph.md shows, and the graphs of models by their C# face.</summary>
public class GraphTests
{
    private static Prob<Tensor> Schools()
    {
        var school = PlateIndex("school", 8);
        Tensor effects = Constant([28, 8, -3, 7, -1, 1, 18, 12]), errors = Constant([15, 10, 16, 11, 9, 11, 10, 18]);

        var schools =
            from mu in Sample("mu", Normal(0, 5))
            from tau in Sample("tau", LogNormal(0, 1))
            from _ in Plate(school,
                from z in Sample("z", Normal(0, 1))
                select z.Observed("effect", Normal(mu + tau * z, Unstack(errors, school)), Unstack(effects, school)))
            select mu;

        return schools;
    }

    [Fact]
    public void A_graph_is_asked()
    {
        var schools = Schools();

        ModelGraph graph = schools.Graph("eight schools");
        var parents = graph.Parents("effect");           // mu, tau, school/z
        var blanket = graph.MarkovBlanket("tau");        // mu, school/z, school/effect

        Independence apriori = graph.Independent("mu", "tau");
        Independence aposteriori = graph.Independent("mu", "tau", given: ["effect"]);
        Console.WriteLine(aposteriori);

        Assert.Equal(["mu", "tau", "school/z"], parents);
        Assert.Equal(["mu", "school/effect", "school/z"], blanket.Order());
        Assert.True(apriori.IsIndependent);
        Assert.False(aposteriori.IsIndependent);
        Assert.Equal(["mu", "school/effect[school]", "tau"], aposteriori.Path);
        Assert.Equal(
            "mu and tau are not independent given effect.\n"
            + "  mu → school/effect[school] ← tau is open: school/effect[school] is given.",
            aposteriori.Explanation.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void Places_are_named_by_letters_and_numbers()
    {
        var schools = Schools();
        ModelGraph graph = schools.Graph("eight schools");

        bool alike = graph.Independent("effect[i]", "effect[j]", given: ["mu", "tau"]).IsIndependent;    // true

        var walk = Markov("t", 100, (Tensor)0.0, x =>
            from next in Sample("x", Normal(x, 1))
            select next.Observed("y", Normal(next, 1), 0.0));

        ModelGraph chain = walk.Graph("walk");
        bool markov = chain.Independent("x[t+1]", "x[t-1]", given: ["x[t]"]).IsIndependent;      // true, for every t
        bool seen = chain.Independent("x[t+1]", "x[t-1]", given: ["y"]).IsIndependent;           // false

        Assert.True(alike);
        Assert.True(markov);
        Assert.False(seen);
        Assert.Equal(["t/x[t-1]"], chain.Parents("x"));
    }

    [Fact]
    public void A_set_to_adjust_for_is_found()
    {
        var trial =
            from age in Sample("age", Normal(50, 10))
            from dose in Sample("dose", Normal(0.1 * age, 1))
            from level in Sample("level", Normal(2 * dose, 1))
            from pressure in Sample("pressure", Normal(120 + 0.5 * age - level, 5))
            select pressure;

        ModelGraph graph = trial.Graph("trial");
        Adjustment adjustment = graph.Adjustment("dose", "pressure");                        // age
        Adjustment none = graph.Adjustment("dose", "pressure", unobserved: ["age"]);         // there is none
        ModelGraph set = graph.Intervene("dose");
        bool isCause = !set.Independent("dose", "pressure").IsIndependent;                   // true

        Assert.Equal(["age"], adjustment.Sites);
        Assert.False(none.Exists);
        Assert.True(isCause);
        Assert.True(set.Independent("dose", "age").IsIndependent);
        Assert.Empty(set.Parents("dose"));
        Assert.Equal(NodeKind.Intervened, set.Node("dose").Kind);
    }

    [Fact]
    public void A_graph_is_drawn()
    {
        var schools = Schools();
        ModelGraph graph = schools.Graph("eight schools");

        File.WriteAllText(Path.GetTempPath() + "schools.svg", graph.ToSvg());
        string dot = graph.ToDot();            // dot -Tpdf
        string mermaid = graph.ToMermaid();    // a code block of a page

        Assert.Contains("digraph \"eight schools\"", dot, StringComparison.Ordinal);
        Assert.StartsWith("flowchart TB", mermaid, StringComparison.Ordinal);

        // the picture of the page is that of the model
        Assert.Equal(File.ReadAllText(SolutionFolder.PathOf("docs/schools.svg")), graph.ToSvg());
    }

    [Fact]
    public void Models_guides_and_processes_have_graphs()
    {
        var model = Model.Define(Input("image", 4), image =>
            from z in Sample("z", Normal(0, 1))
            from _ in Observe("image", Normal(Fill(z, 4), Ones(4)), image)
            select z);
        var guide = Guide.Define(Input("image", 4), image => Sample("z", Normal(Sum(image), 1)));

        Assert.Equal(["z"], model.Graph().Parents("image"));
        Assert.Equal(["image"], guide.Graph().Parents("z"));

        Tensor share = Parameter.create("share", [], Initializer.Zeros);
        var groups = Model.Define((Data<Tensor> data) =>
            from mean in Sample("mean", Normal(0, 1))
            from _ in data.Plate(y =>
                from z in Sample("z", Normal(mean / Log(data.Count), 0.5))
                select z.Observed("y", Normal(z, 0.3), y))
            select mean);
        var ofGroups = Guide.Define((Data<Tensor> data) =>
            from mean in Sample("mean", Normal(0, 1))
            from _ in data.Plate(y => Sample("z", Normal(share * y + mean, 1)))
            select mean);

        ModelGraph graph = groups.Graph();
        Assert.Equal(["mean", "total"], graph.Parents("z"));
        Assert.True(graph.Independent("y[i]", "y[j]", given: ["mean"]).IsIndependent);
        Assert.False(graph.Independent("y[i]", "y[j]").IsIndependent);
        Assert.Equal(["mean", "datum", "share"], ofGroups.Graph().Parents("z"));

        ModelGraph process = Pendulum.Model.Graph(horizon: 10);
        Assert.Equal(["time/action/Value", "time/Angle[time-1]", "time/Velocity[time-1]"], process.Parents("Velocity").Where(p => !p.StartsWith("start", StringComparison.Ordinal)));
    }

    [Fact]
    public void What_is_wrong_is_said_at_the_callers_line()
    {
        var schools = Schools();
        ModelException unknown = Assert.Throws<ModelException>(() => schools.Graph().Parents("taux"));
        Assert.Equal("The graph of \"model\" has no \"taux\".", unknown.Problem);
        Assert.StartsWith("Near are \"tau\"", unknown.Mend, StringComparison.Ordinal);

        var time = TimeIndex("t", 5);
        ModelException circle = Assert.Throws<ModelException>(() => Markov(time, (Tensor)0.0, s =>
            from x in Sample("x", Normal(s, 1))
            from y in Sample("y", Normal(SumOver(time, x), 1))
            select y).Graph("circle"));
        Assert.StartsWith("The site \"t/", circle.Problem, StringComparison.Ordinal);
        Assert.Contains("depends on itself", circle.Problem, StringComparison.Ordinal);
        Assert.Equal("GraphTests.cs", Path.GetFileName(circle.Location.File));
    }
}
