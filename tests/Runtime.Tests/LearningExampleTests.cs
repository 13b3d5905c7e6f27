using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using Xunit;

namespace Inference.Runtime.Tests;

/// <summary>The digits examples, run as processes.</summary>
public sealed class LearningExampleTests : ExampleTests
{
    private const string CSharp = "Digits";
    private const string FSharp = "Digits.FSharp";

    private static readonly string[] Keys =
        ["model", "test_negative_elbo", "train_negative_elbo", "epochs", "seconds", "seed", "parameters_sha256"];

    [Theory]
    [InlineData("vae")]
    [InlineData("cvae")]
    public void Both_twins_learn_the_same_parameters_to_the_bit(string model)
    {
        ExampleResult ours = Run(CSharp, $"--model {model} --epochs 3 --seed 5 --threads 1 --json --no-report");
        ExampleResult theirs = Run(FSharp, $"--model {model} --epochs 3 --seed 5 --threads 2 --json --no-report");
        Assert.Equal(("", 0), (ours.Errors, ours.ExitCode));
        Assert.Equal(("", 0), (theirs.Errors, theirs.ExitCode));
        JsonElement summary = JsonDocument.Parse(Assert.Single(ours.Lines)).RootElement;
        Assert.Equal(Keys.Order(), summary.EnumerateObject().Select(property => property.Name).Order());
        Assert.Equal((model, 3, 5), (summary.GetProperty("model").GetString(), summary.GetProperty("epochs").GetInt32(), summary.GetProperty("seed").GetInt32()));
        Assert.InRange(summary.GetProperty("test_negative_elbo").GetDouble(), 25, 36);
        JsonElement other = JsonDocument.Parse(Assert.Single(theirs.Lines)).RootElement;
        Assert.All(Keys.Except(["seconds"]), key => Assert.Equal(summary.GetProperty(key).ToString(), other.GetProperty(key).ToString()));
        Assert.Empty(Directory.GetFiles(Folder.Path, "*.html"));
    }

    [Fact]
    public void A_run_that_is_resumed_ends_as_one_that_was_not_stopped()
    {
        string Digest(string arguments)
        {
            ExampleResult result = Run(CSharp, arguments + " --json --no-report");
            Assert.Equal(("", 0), (result.Errors, result.ExitCode));
            return JsonDocument.Parse(result.Lines[^1]).RootElement.GetProperty("parameters_sha256").GetString()!;
        }

        string half = Digest("--epochs 2 --resume digits.safetensors");
        string whole = Digest("--epochs 4 --resume digits.safetensors");
        Assert.NotEqual(half, whole);
        Assert.Equal(whole, Digest("--epochs 4"));
        ExampleResult other = Run(CSharp, "--model cvae --resume digits.safetensors --no-report");
        Assert.Equal(1, other.ExitCode);
        Assert.Contains("of another specification", other.Errors);
    }

    [Theory]
    [InlineData("vae")]
    [InlineData("cvae")]
    public void Without_a_terminal_it_writes_lines_of_text_and_a_page_of_its_own(string model)
    {
        AssertTells(CSharp, $"--model {model} --epochs 8", "epoch    8/8", "negative ELBO", "digits/s", "trained in", "digits.html");

        JsonElement data = DataOf("digits.html");
        Assert.Equal(8, data.GetProperty("elbo").GetArrayLength());
        for (int epoch = 0; epoch < 8; epoch++)
        {
            double At(string name) => data.GetProperty(name)[epoch].GetDouble();
            Assert.Equal(At("elbo"), At("reconstruction") + At("divergence"), 2e-3);
        }

        Assert.Equal(30 * 64, data.GetProperty("restored").GetBytesFromBase64().Length);
        Assert.Equal(1500, data.GetProperty("labels").GetString()!.Length);
        Assert.Equal(3000, data.GetProperty("map").GetArrayLength());
        byte[][] samples = [.. data.GetProperty("samples").EnumerateArray().Select(images => images.GetBytesFromBase64())];
        Assert.Equal(10, samples.Length);
        Assert.Contains(samples, images => images.Length > 0);
        Assert.All(samples, images => Assert.True(images.Length % 64 == 0 && images.All(value => value is 0 or 255)));
    }

    [Fact]
    public void Mnist_is_read_from_its_files_packed_or_not()
    {
        WriteIdx("train-images-idx3-ubyte", packed: false, Noise(300 * 784), 300, 28, 28);
        WriteIdx("train-labels-idx1-ubyte", packed: true, [.. Enumerable.Range(0, 300).Select(k => (byte)(k % 10))], 300);
        WriteIdx("t10k-images.idx3-ubyte", packed: true, Noise(40 * 784), 40, 28, 28);
        WriteIdx("t10k-labels.idx1-ubyte", packed: false, new byte[40], 40);
        ExampleResult result = Run(CSharp, $"--mnist {Folder.Path} --epochs 1 --json --model cvae");
        Assert.Equal(("", 0), (result.Errors, result.ExitCode));
        double loss = JsonDocument.Parse(result.Lines[^1]).RootElement.GetProperty("test_negative_elbo").GetDouble();
        Assert.InRange(loss, 300, 784);

        File.Delete(Path.Combine(Folder.Path, "t10k-labels.idx1-ubyte"));
        ExampleResult missing = Run(CSharp, $"--mnist {Folder.Path} --no-report");
        Assert.Equal(1, missing.ExitCode);
        Assert.Contains("has none of t10k-labels-idx1-ubyte", missing.Errors);
        WriteIdx("t10k-labels.idx1-ubyte", packed: false, new byte[39], 40);
        ExampleResult cut = Run(CSharp, $"--mnist {Folder.Path} --no-report");
        Assert.Equal(1, cut.ExitCode);
        Assert.Contains("says that it has 40 elements; it has 39", cut.Errors);
    }

    [Theory]
    [InlineData("--nonsense", "--nonsense")]
    [InlineData("--model gan", "--model is gan; expected vae or cvae.")]
    [InlineData("--epochs 0", "--epochs is 0; expected at least 1.")]
    [InlineData("--threads 1000000", "--threads is 1000000; expected 0 to")]
    [InlineData("--out ", "--out is \"\"; expected a name.")]
    public void Wrong_usage_is_2_and_says_what_is_wrong(string arguments, string expected) => AssertWrongUsage(CSharp, arguments, expected);

    [Theory]
    [InlineData("--out missing/folder/page.html", "missing")]
    [InlineData("--resume missing/digits.safetensors --no-report", "missing")]
    [InlineData("--mnist nowhere --no-report", "nowhere")]
    public void A_file_that_cannot_be_used_is_1_before_anything_runs(string arguments, string expected)
    {
        AssertFails(1, CSharp, "--epochs 1 " + arguments, expected);
    }

    [Fact]
    public void Help_explains_every_option_with_its_default()
    {
        ExampleResult result = Run(FSharp, "--help");
        Assert.Equal(0, result.ExitCode);
        string help = string.Join('\n', result.Lines);
        foreach (string text in new[] { "--model", "vae", "200", "--seed", "--mnist", "--resume", "digits.html", "--no-report", "--json", "--threads" })
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

        using Process process = ExampleProcess.Start(Folder, CSharp, "--epochs 8000 --no-report");
        Task<string> errors = process.StandardError.ReadToEndAsync();
        Assert.Contains("epoch", await process.StandardOutput.ReadLineAsync());
        using Process kill = Process.Start("kill", ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)]);
        await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal((130, "Cancelled."), (process.ExitCode, (await errors).Trim()));
    }

    private static byte[] Noise(int count)
    {
        byte[] bytes = new byte[count];
        new Random(1).NextBytes(bytes);
        return bytes;
    }

    private void WriteIdx(string name, bool packed, byte[] elements, params int[] sizes)
    {
        using Stream file = File.Create(Path.Combine(Folder.Path, packed ? name + ".gz" : name));
        using Stream stream = packed ? new GZipStream(file, CompressionLevel.Fastest) : file;
        stream.Write([0, 0, 8, (byte)sizes.Length]);
        foreach (int size in sizes)
        {
            byte[] bytes = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(bytes, size);
            stream.Write(bytes);
        }

        stream.Write(elements);
    }
}
