using System.Text;
using Xunit;

namespace Inference.Runtime.Tests;

public class EventFileTests
{
    [Fact]
    public void A_reader_of_the_published_format_finds_what_was_written()
    {
        using var folder = new TemporaryFolder();
        using (var file = new EventFile(folder.Path, firstStep: 5))
        {
            file.Write(5, [("training/loss", 0.1), ("größe", -1e20)]);
            file.Write(3_000_000_000, [("training/loss", double.NaN)]);
        }

        string path = Assert.Single(folder.Files);
        Assert.StartsWith("events.out.tfevents.", Path.GetFileName(path), StringComparison.Ordinal);
        List<EventReader.Event> events = EventReader.Read(path);
        Assert.Equal(4, events.Count);
        Assert.Equal("brain.Event:2", events[0].FileVersion);
        Assert.True(events[1].IsStart);
        Assert.Equal(5, events[1].Step);
        Assert.Equal(5, events[2].Step);
        Assert.Equal(new Dictionary<string, float> { ["training/loss"] = 0.1f, ["größe"] = -1e20f }, events[2].Values);
        Assert.Equal(3_000_000_000, events[3].Step);
        Assert.True(float.IsNaN(events[3].Values["training/loss"]));
        double now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        Assert.All(events, e => Assert.InRange(e.WallTime, now - 3600, now + 3600));
    }

    [Fact]
    public void Checksums_are_masked_castagnoli_ones()
    {
        // RFC 3720, appendix B.4: 32 bytes of zeros have the CRC-32C 8a9136aa.
        uint crc = 0x8a9136aa;
        uint masked = unchecked(((crc >> 15) | (crc << 17)) + 0xa282ead8);
        Assert.Equal(masked, EventFile.MaskedChecksum(new byte[32]));
        byte[] text = Encoding.ASCII.GetBytes("the quick brown fox");
        Assert.Equal(EventReader.Masked(text), EventFile.MaskedChecksum(text));
    }
}
