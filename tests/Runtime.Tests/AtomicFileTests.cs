using System.Text;
using Xunit;

namespace Inference.Runtime.Tests;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string File1 => Path.Combine(_folder.Path, "file");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_is_replaced_as_a_whole()
    {
        AtomicFile.Write(File1, stream => stream.Write("old"u8));
        AtomicFile.Write(File1, stream =>
        {
            stream.Write("new contents"u8);
            stream.Flush();
            Assert.Equal("old", File.ReadAllText(File1));
        });
        Assert.Equal("new contents", File.ReadAllText(File1));
        Assert.Equal([File1], _folder.Files);
    }

    [Fact]
    public void A_disk_that_is_full_at_any_byte_leaves_the_old_file()
    {
        AtomicFile.Write(File1, stream => stream.Write("old"u8));
        byte[] contents = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("0123456789", 5)));
        for (int room = 0; room < contents.Length; room++)
        {
            var failure = Assert.Throws<IOException>(() => AtomicFile.Write(
                File1,
                stream =>
                {
                    foreach (byte value in contents)
                    {
                        stream.Write([value]);
                    }
                },
                path => new FitTests.FullDisk(AtomicFile.Open(path), room)));
            Assert.Contains("No space left", failure.Message, StringComparison.Ordinal);
            Assert.Equal("old", File.ReadAllText(File1));
            Assert.Equal([File1], _folder.Files);
        }
    }

    [Fact]
    public void What_a_killed_process_left_is_overwritten()
    {
        File.WriteAllText(File1 + AtomicFile.Unfinished, "the longer beginning of something");
        AtomicFile.Write(File1, stream => stream.Write("whole"u8));
        Assert.Equal("whole", File.ReadAllText(File1));
        Assert.Equal([File1], _folder.Files);
    }

    [Fact]
    public void A_folder_that_is_not_there_is_an_error() =>
        Assert.Throws<DirectoryNotFoundException>(() => AtomicFile.Write(Path.Combine(_folder.Path, "none", "file"), _ => { }));
}
