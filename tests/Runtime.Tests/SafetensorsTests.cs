using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Inference.Compiler;
using Xunit;

namespace Inference.Runtime.Tests;

public sealed class SafetensorsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_has_the_published_layout()
    {
        byte[] bytes = Bytes(Tensors());
        int headerLength = (int)BitConverter.ToUInt64(bytes);
        Assert.Equal(0, headerLength % 8);
        JsonObject header = JsonNode.Parse(Encoding.UTF8.GetString(bytes, 8, headerLength))!.AsObject();
        Assert.Equal(["__metadata__", "wide", "counts", "encoder.0.bias", "encoder.0.weight", "words"], header.Select(pair => pair.Key));
        Assert.Equal("value \"ü\"", (string)header["__metadata__"]!["key"]!);
        Assert.Equal("""{"dtype":"F32","shape":[3,2],"data_offsets":[24,48]}""", header["encoder.0.weight"]!.ToJsonString());
        Assert.Equal("""{"dtype":"I32","shape":[2],"data_offsets":[8,16]}""", header["counts"]!.ToJsonString());
        Assert.Equal("""{"dtype":"F64","shape":[],"data_offsets":[0,8]}""", header["wide"]!.ToJsonString());
        Assert.Equal("""{"dtype":"U32","shape":[1],"data_offsets":[48,52]}""", header["words"]!.ToJsonString());
        ReadOnlySpan<byte> data = bytes.AsSpan(8 + headerLength);
        Assert.Equal(52, data.Length);
        for (int k = 0; k < 6; k++)
        {
            Assert.Equal(0.5f + k, BitConverter.ToSingle(data[(24 + (4 * k))..]));
        }

        Assert.Equal([0x01, 0x00, 0x00, 0x00, 0xfe, 0xff, 0xff, 0xff], data[8..16].ToArray());
    }

    [Fact]
    public void What_is_read_is_what_was_written()
    {
        var (tensors, metadata) = Safetensors.Read(new MemoryStream(Bytes(Tensors())), "it");
        Assert.Equal("value \"ü\"", metadata["key"]);
        Assert.Equal(Tensors().Keys.Order(StringComparer.Ordinal), tensors.Keys);
        foreach ((string name, StoredTensor tensor) in Tensors())
        {
            Assert.True(tensor.IsLike(tensors[name]));
            Assert.Equal(tensor.Bytes, tensors[name].Bytes);
        }

        Assert.Equal([4294967295.0], tensors["words"].ToArray());
        Assert.Equal([1.0, -2], tensors["counts"].ToArray());
    }

    [Fact]
    public void Every_truncation_is_refused()
    {
        byte[] bytes = Bytes(Tensors());
        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.Contains("is truncated", MessageOf(bytes[..length]), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}""", 4, "\"a\" has the type F16, where one of F32, F64, I32, U32 was expected")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "\"a\" of F32[2] lies at [0, 4], which does not fit")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "\"a\" has the shape [-1]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[65536,65536,4],"data_offsets":[0,4]}}""", 4, "\"a\" has the shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, "tensors overlap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "there is a gap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 5, "1 bytes follow its last tensor")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "names \"a\" twice")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1]}}""", 4, "what it says of \"a\"")]
    [InlineData("""{"a":5}""", 0, "what it says of \"a\"")]
    [InlineData("""{"__metadata__":{"a":5}}""", 0, "its metadata \"a\" is no string")]
    [InlineData("""{"__metadata__":[]}""", 0, "its metadata is no object")]
    [InlineData("[1]", 0, "its header is no JSON object")]
    [InlineData("{\"a\"", 0, "its header is not JSON")]
    public void What_does_not_hold_together_is_refused(string header, int dataBytes, string expected)
    {
        byte[] text = Encoding.UTF8.GetBytes(header);
        byte[] file = [.. BitConverter.GetBytes((ulong)text.Length), .. text, .. new byte[dataBytes]];
        Assert.Contains(expected, MessageOf(file), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(100_000_001UL)]
    [InlineData(ulong.MaxValue)]
    [InlineData(0UL)]
    public void A_header_of_a_strange_length_is_refused(ulong length) =>
        Assert.Contains($"a header of {length} bytes", MessageOf([.. BitConverter.GetBytes(length), .. new byte[64]]), StringComparison.Ordinal);

    /// <summary>A reader by the format's description alone, in another language.</summary>
    [PythonFact]
    public void Python_reads_it()
    {
        string path = Path.Combine(_folder.Path, "it.safetensors");
        File.WriteAllBytes(path, Bytes(Tensors()));
        const string Script = """
            import json, struct, sys
            file = open(sys.argv[1], "rb")
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
            data = file.read()
            print(header.pop("__metadata__")["key"] == 'value "\u00fc"')
            for name, tensor in sorted(header.items()):
                begin, end = tensor["data_offsets"]
                kind = {"F32": "f", "F64": "d", "I32": "i", "U32": "I"}[tensor["dtype"]]
                print(name, tensor["shape"], [value for value, in struct.iter_unpack("<" + kind, data[begin:end])])
            """;
        string expected = string.Join(
            '\n',
            "True",
            "counts [2] [1, -2]",
            "encoder.0.bias [2] [0.0, 0.0]",
            "encoder.0.weight [3, 2] [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]",
            "wide [] [3.141592653589793]",
            "words [1] [4294967295]");
        Assert.Equal(expected, PythonFactAttribute.Run(Script, path)?.ReplaceLineEndings("\n"));
    }

    private static Dictionary<string, StoredTensor> Tensors()
    {
        var weight = new StoredTensor(ElementType.Float32, 3, 2);
        for (int k = 0; k < 6; k++)
        {
            weight.As<float>()[k] = 0.5f + k;
        }

        var counts = new StoredTensor(ElementType.Int32, 2);
        (counts.As<int>()[0], counts.As<int>()[1]) = (1, -2);
        var wide = new StoredTensor(ElementType.Float64);
        wide.As<double>()[0] = Math.PI;
        var words = new StoredTensor(ElementType.UInt32, 1);
        words.As<uint>()[0] = uint.MaxValue;
        return new()
        {
            ["words"] = words,
            ["encoder.0.weight"] = weight,
            ["encoder.0.bias"] = new StoredTensor(ElementType.Float32, 2),
            ["wide"] = wide,
            ["counts"] = counts,
        };
    }

    private static byte[] Bytes(Dictionary<string, StoredTensor> tensors)
    {
        var stream = new MemoryStream();
        Safetensors.Write(stream, tensors, new Dictionary<string, string> { ["key"] = "value \"ü\"" });
        return stream.ToArray();
    }

    private static string MessageOf(byte[] file) =>
        Assert.Throws<CheckpointException>(() => Safetensors.Read(new MemoryStream(file), "it")).Message;

    /// <summary>A test that needs Python, without packages.</summary>
    private sealed class PythonFactAttribute : FactAttribute
    {
        public PythonFactAttribute()
        {
            if (Run("print('here')") != "here")
            {
                Skip = "There is no python3; install it to run this test.";
            }
        }

        public static string? Run(string script, params string[] arguments)
        {
            try
            {
                using Process process = Process.Start(
                    new ProcessStartInfo("python3", ["-c", script, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
                string text = process.StandardOutput.ReadToEnd();
                process.WaitForExit();
                return text.Trim();
            }
            catch (System.ComponentModel.Win32Exception)
            {
                return null;
            }
        }
    }
}
