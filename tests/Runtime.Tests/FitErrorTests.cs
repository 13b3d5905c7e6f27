using Xunit;
using static Inference.Language;

namespace Inference.Runtime.Tests;

/// <summary>What is wrong with data, options and checkpoints is named, and a step that fails leaves the last good checkpoint.</summary>
public sealed class FitErrorTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Engine _engine = new(new EngineOptions { Threads = 1, Cache = false });
    private readonly Learner<Example> _learner = FitCases.Noisy();

    private string Checkpoint => Path.Combine(_folder.Path, "fit.safetensors");

    private FitOptions Kept => FitCases.Options with { Checkpoint = Checkpoint, Resume = true };

    public void Dispose()
    {
        _engine.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Options_out_of_range_are_named()
    {
        AssertSays<ArgumentOutOfRangeException>("neither Epochs nor Steps", new FitOptions());
        AssertSays<ArgumentOutOfRangeException>("BatchSize = 0", new FitOptions { Steps = 1, BatchSize = 0 });
        AssertSays<ArgumentOutOfRangeException>("Steps = -1", new FitOptions { Steps = -1 });
        AssertSays<ArgumentOutOfRangeException>("Patience = -2", new FitOptions { Steps = 1, Patience = -2 });
        AssertSays<ArgumentOutOfRangeException>("Resume without Checkpoint", new FitOptions { Steps = 1, Resume = true });
        AssertSays<ArgumentOutOfRangeException>(
            "expected a file in a folder that exists", new FitOptions { Steps = 1, Checkpoint = Path.Combine(_folder.Path, "none", "a") });
        AssertSays<ArgumentException>("FitOptions.Monitor is \"accuracy\"; the metrics of \"noisy\" are \"loss\".", Kept with { Monitor = "accuracy" });
    }

    [Fact]
    public void A_plate_that_does_not_fit_the_data_is_named()
    {
        AssertSays<ArgumentException>(
            "The plate \"data\" of the learner \"noisy\" has 300 rows a batch; the data have 200.", Kept with { BatchSize = 300 });
        AssertSays<ArgumentException>("The data have 7 numbers, and a row has 4 (X[3], Y): the last row is not whole.", Kept, Dataset.Rows(new float[7]));
        AssertSays<ArgumentException>(
            "The field \"X\" has 200 numbers, and 3 a row", Kept, Dataset.Columns(("X", new float[200]), ("Y", new float[200])));
        AssertSays<ArgumentException>(
            "different numbers of rows: 100 in \"X\", 200 in \"Y\"", Kept, Dataset.Columns(("X", new float[300]), ("Y", new float[200])));
        AssertSays<ArgumentException>(
            "The data have the fields \"X\", \"Z\"; the learner reads \"X\", \"Y\".", Kept, Dataset.Columns(("X", new float[300]), ("Z", new float[100])));
        AssertSays<InvalidDataException>(
            "gave no full batch of 16 rows", Kept, Dataset.Stream(row => Enumerable.Repeat(new float[4], 15).Skip((int)row)));
    }

    [Fact]
    public void A_number_that_cannot_be_learnt_from_is_named_by_row_and_column()
    {
        (float[] x, float[] y) = FitCases.Columns(0);
        x[(3 * 17) + 2] = float.NaN;
        AssertSays<InvalidDataException>(
            "Row 17 of the data has NaN in column \"X[2]\"; a finite number was expected.", Kept, Dataset.Columns(("X", x), ("Y", y)));
        float[] rows = [.. y.SelectMany((v, k) => new[] { 0, 0, 0, k == 20 ? float.PositiveInfinity : v })];
        AssertSays<InvalidDataException>("Row 20 of the data has ∞ in column \"Y\"", Kept, Dataset.Rows(rows), "Infinity");
        AssertSays<InvalidDataException>("Row 20 of the data has ∞ in column \"Y\"", Kept, Dataset.Stream(row => rows.Chunk(4).Skip((int)row)), "Infinity");
        AssertSays<InvalidDataException>("Row 3 of the data has 2 numbers; 4 were expected.", Kept, Dataset.Stream(row => Rows().Skip((int)row)));
        AssertSays<InvalidDataException>("Row 17", FitCases.Options with { Validation = Dataset.Columns(("X", x), ("Y", y)) });

        Learner<Labelled> labelled = Learner.Minimise(
            "labels", (Labelled l) => Square(Element(Net.Embedding("e", 3, 1).Apply(l.Label), 0) - l.X), new Sgd(0.1));
        string message = Assert.Throws<InvalidDataException>(
            () => labelled.Fit(Dataset.Rows([0, 0, 0, 1, 0, 3]), new FitOptions { Steps = 1, BatchSize = 2 }, _engine)).Message;
        Assert.StartsWith("Row 2 of the data has 3 in column \"Label\"; one of 0 … 2 was expected.", message, StringComparison.Ordinal);

        static IEnumerable<float[]> Rows() => Enumerable.Range(0, 50).Select(k => new float[k == 3 ? 2 : 4]);
    }

    [Fact]
    public void A_step_that_is_not_finite_names_the_site_and_leaves_the_last_good_checkpoint()
    {
        // The standard deviation falls by one a step: the third step has none.
        Learner<Tensor> learner = Learner.Define("falling", Fill(2), (LearnerContext context, Tensor s, Tensor x) =>
        {
            Tensor z = context.DrawEach(from good in Sample("good", Normal(x, 1)) from bad in Sample("z", Normal(good, Sqrt(s - 0.5))) select bad);
            return (s - 1 + 0 * context.Mean(z), context.Mean(z));
        });
        var options = new FitOptions { Steps = 10, BatchSize = 4, Checkpoint = Checkpoint, CheckpointEvery = 1 };
        var failure = Assert.Throws<TrainingException>(() => learner.Fit(Dataset.Rows([1, 2, 3, 4]), options, _engine));
        Assert.Equal((2L, "data/z", Checkpoint), (failure.Step, failure.Site, failure.Checkpoint));
        Assert.Contains("Step 2 of the learner \"falling\" failed: the log-density of the site \"data/z\" (at FitErrorTests.cs:", failure.Message, StringComparison.Ordinal);
        Assert.Contains("is not finite, 4 times in the batch.", failure.Message, StringComparison.Ordinal);
        Assert.Contains($"The last good checkpoint, of step 2, is \"{Checkpoint}\".", failure.Message, StringComparison.Ordinal);
        Assert.Equal(0, Fitted.Load(Checkpoint).Parameters["state"].ToArray()[0]);
    }

    [Fact]
    public void A_datum_outside_the_support_is_laid_to_the_data()
    {
        Network net = Net.Linear("net", 1, 1);
        var model = Model.Define(
            Input("x"), x => from z in Sample("z", Normal(0, 1)) select z.Observed("x", Gamma(Softplus(Element(net.Apply(Reshape(z, 1)), 0)), 1), x));
        Learner<Tensor> learner = model.With(Guide.Define(Input("x"), x => Sample("z", Normal(0.1 * x, 1)))).Elbo().Learner(new Adam(1e-3));
        var failure = Assert.Throws<TrainingException>(
            () => learner.Fit(Dataset.Rows([1, 2, -1, 3]), new FitOptions { Steps = 10, BatchSize = 4 }, _engine));
        Assert.Equal((0L, "x"), (failure.Step, failure.Site));
        Assert.Contains("is not finite, 1 times in the batch. Where a datum is outside the support of Gamma, mend the data.", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_parameter_or_a_loss_that_is_not_finite_is_named()
    {
        Network net = Net.Linear("net", 1, 1);
        Learner<Tensor> learner = Learner.Minimise("steep", (Tensor x) => Square(Element(net.Apply(Reshape(x, 1)), 0)), new Sgd(1e38));
        var failure = Assert.Throws<TrainingException>(
            () => learner.Fit(Dataset.Rows([1, 2]), new FitOptions { Steps = 10, BatchSize = 2 }, _engine));
        Assert.Null(failure.Checkpoint);
        Assert.Contains("No checkpoint was written.", failure.Message, StringComparison.Ordinal);
        Assert.Contains("ClipNorm", failure.Message, StringComparison.Ordinal);
        Assert.Contains(failure.Site, new[] { "loss", "net.bias", "net.weight" });

        Learner<Tensor> lossless = Learner.Define(
            "lossless", Zeros(), (LearnerContext context, Tensor s, Tensor x) => (s + 1, Log(2 - s) + 0 * context.Mean(x)));
        failure = Assert.Throws<TrainingException>(
            () => lossless.Fit(Dataset.Rows([1, 2]), new FitOptions { Steps = 10, BatchSize = 2 }, _engine));
        Assert.Equal((2L, "loss"), (failure.Step, failure.Site));
    }

    [Fact]
    public void A_checkpoint_that_is_truncated_or_foreign_or_newer_is_refused()
    {
        _learner.Fit(FitCases.Data(0), Kept with { Steps = 3 }, _engine);
        byte[] whole = File.ReadAllBytes(Checkpoint);
        foreach (int length in new[] { 0, 7, 8, 100, whole.Length / 2, whole.Length - 1 })
        {
            File.WriteAllBytes(Checkpoint, whole[..length]);
            AssertSays<CheckpointException>("is truncated", Kept);
        }

        File.WriteAllText(Checkpoint, "this is some other file");
        AssertSays<CheckpointException>("is not a safetensors file", Kept);

        var (tensors, metadata) = Safetensors.Read(new MemoryStream(whole), "whole");
        using (FileStream file = File.Create(Checkpoint))
        {
            Safetensors.Write(file, tensors, new Dictionary<string, string> { ["format"] = "pt" });
        }

        AssertSays<CheckpointException>("has no manifest: it is no checkpoint of a fit. Start from its parameters", Kept);
        Assert.Equal(tensors["net.0.bias"].ToArray(), Fitted.Load(Checkpoint).Parameters["net.0.bias"].ToArray());

        _learner.Fit(FitCases.Data(0), Kept with { Steps = 3, Resume = false, Checkpoint = null }, _engine).Save(Checkpoint);
        AssertSays<CheckpointException>("holds the result of a fit of \"noisy\", and is no checkpoint.", Kept);

        metadata[Manifest.Key] = metadata[Manifest.Key].Replace("\"version\":1", "\"version\":2", StringComparison.Ordinal);
        using (FileStream file = File.Create(Checkpoint))
        {
            Safetensors.Write(file, tensors, metadata);
        }

        AssertSays<CheckpointException>("is of version 2, newer than this library, which reads up to 1", Kept);
        Assert.Equal(whole.Length, new FileInfo(Checkpoint).Length);
    }

    [Fact]
    public void A_checkpoint_of_another_specification_is_refused_and_says_what_differs()
    {
        _learner.Fit(FitCases.Data(0), Kept with { Steps = 3 }, _engine);
        string message = MessageOf(FitCases.Noisy(hidden: 9), Kept);
        Assert.Contains("\"net.0.bias\" is F32[8], where F32[9] was expected", message, StringComparison.Ordinal);

        Network other = Net.Mlp("other", [3, 8, 1]);
        message = MessageOf(Learner.Minimise("other", (Example e) => Square(Element(other.Apply(e.X), 0) - e.Y), new Adam(1e-2)), Kept);
        Assert.Contains("\"other.0.bias\" is missing", message, StringComparison.Ordinal);
        Assert.Contains("\"net.1.weight\" is not in this learner", message, StringComparison.Ordinal);

        Assert.Contains("is of another program of \"noisy\": its parameters agree", MessageOf(FitCases.Noisy(rate: 1e-3), Kept), StringComparison.Ordinal);
        Assert.Contains("another batch size: 16; here it is 8", MessageOf(_learner, Kept with { BatchSize = 8 }), StringComparison.Ordinal);
        Assert.Contains("another seed: 5; here it is 6", MessageOf(_learner, Kept with { Seed = 6 }), StringComparison.Ordinal);
        Assert.Contains(
            "another number of rows: 200; here it is 100",
            Assert.Throws<CheckpointException>(() => _learner.Fit(FitCases.Data(0, 100), Kept, _engine)).Message,
            StringComparison.Ordinal);

        string MessageOf(Learner<Example> learner, FitOptions options) =>
            Assert.Throws<CheckpointException>(() => learner.Fit(FitCases.Data(0), options, _engine)).Message;
    }

    [Fact]
    public void Parameters_of_another_network_are_not_copied_to_a_program()
    {
        Fitted fitted = _learner.Fit(FitCases.Data(0), FitCases.Options with { Steps = 1 }, _engine);
        Network other = Net.Linear("other", 3, 1);
        using var predict = _engine.Compile("predict", Input("x", 3), x => Element(other.Apply(x), 0));
        string message = Assert.Throws<CheckpointException>(() => fitted.CopyTo(predict.Executable)).Message;
        Assert.StartsWith("The program \"predict\" keeps \"other.bias\" of F32[1]; in the fit of \"noisy\" it has net.0.bias", message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_learner_cannot_mean_is_found_where_it_is_defined()
    {
        Network net = Net.Linear("net", 3, 2);
        Expect("A loss must be a scalar; [2] came.", () => Learner.Minimise("a", (Example e) => net.Apply(e.X), new Sgd(1)));
        Expect("The loss depends on no parameter.", () => Learner.Minimise("a", (Example e) => e.Y, new Sgd(1)));
        Expect(
            "A program that is drawn observes or weighs, and its weight would be lost.",
            () => Learner.Minimise(
                "a", (Example e) => from z in Sample("z", Normal(0, 1)) select z.Observed("y", Normal(z, 1), e.Y), new Sgd(1)));
        Expect(
            "The state \"state\" of program \"a\" still varies over \"data\".",
            () => Learner.Define("a", Zeros(), (LearnerContext c, Tensor s, Tensor x) => (s + x, x)));
        Expect(
            "The state \"state\" starts with a computed value.",
            () => Learner.Define("a", Exp(Zeros()), (LearnerContext c, Tensor s, Tensor x) => (s, x)));
        Expect(
            "The metric \"loss\" must be a scalar; [3] came.",
            () => Learner.Define("a", Zeros(), (LearnerContext c, Tensor s, Example e) => (s, e.X)));

        static void Expect(string problem, Action define)
        {
            var failure = Assert.Throws<ModelException>(define);
            Assert.StartsWith(problem, failure.Message, StringComparison.Ordinal);
            Assert.Equal("a", failure.Model);
            Assert.Equal("FitErrorTests.cs", Path.GetFileName(failure.Location.File));
        }
    }

    private void AssertSays<T>(string expected, FitOptions options, Dataset? data = null, string infinity = "∞")
        where T : Exception
    {
        string message = Assert.ThrowsAny<T>(() => _learner.Fit(data ?? FitCases.Data(0), options, _engine)).Message;
        Assert.Contains(expected.Replace("∞", infinity, StringComparison.Ordinal), message, StringComparison.Ordinal);
    }
}
