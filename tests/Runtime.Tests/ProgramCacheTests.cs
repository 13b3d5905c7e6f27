using System.Diagnostics;
using Inference.Compiler;
using Xunit;

namespace Inference.Runtime.Tests;

public sealed class ProgramCacheTests : IDisposable
{
    private const long Plenty = 1L << 30;

    private readonly TemporaryFolder _folder = new();
    private readonly RecordingLogger _logger = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_second_engine_finds_what_the_first_has_compiled()
    {
        int compilations = 0;
        for (int process = 0; process < 2; process++)
        {
            using var engine = new Engine(new EngineOptions { Threads = 2, CacheDirectory = _folder.Path, Logger = _logger });
            using Executable saxpy = engine.Load("abc1", () =>
            {
                compilations++;
                return SamplePrograms.Saxpy();
            });
            Assert.Equal(process == 1, saxpy.FromCache);
            saxpy.SetInput(0, [.. Enumerable.Repeat(1.0f, 1000)]);
            saxpy.SetInput(1, [1f]);
            saxpy.Run();
            Assert.Equal(6000, saxpy.Output<double>(1)[0]);
        }

        Assert.Equal(1, compilations);
        Assert.Empty(_logger.Warnings);
    }

    [Fact]
    public void Entries_come_back_as_they_went_in()
    {
        ProgramCache cache = NewCache();
        foreach (CompiledProgram program in new[] { SamplePrograms.Saxpy(), SamplePrograms.Integrator(), SamplePrograms.Checked() })
        {
            byte[] image = [1, 2, 3];
            cache.Store("aa", new CachedProgram(program, image));
            CachedProgram found = Assert.IsType<CachedProgram>(NewCache().Find("aa"));
            Assert.Equal(program, found.Plan);
            Assert.Equal(image, found.Image);
        }

        Assert.Null(cache.Find("bb"));
    }

    [Fact]
    public void A_damaged_entry_is_deleted_and_missing()
    {
        Action<string>[] damages = [Flip(0), Flip(20), Flip(60), Flip(500), Truncate(10), Truncate(200), Truncate(0)];
        foreach (Action<string> damage in damages)
        {
            ProgramCache cache = NewCache();
            cache.Store("cc", Entry());
            string file = Assert.Single(_folder.Files);
            damage(file);
            Assert.Null(cache.Find("cc"));
            Assert.Empty(_folder.Files);
        }

        Assert.Empty(_logger.Warnings);

        static Action<string> Flip(int at) => file =>
        {
            byte[] bytes = File.ReadAllBytes(file);
            bytes[at] ^= 1;
            File.WriteAllBytes(file, bytes);
        };

        static Action<string> Truncate(int length) => file =>
        {
            using FileStream stream = File.OpenWrite(file);
            stream.SetLength(length);
        };
    }

    [Fact]
    public void A_whole_entry_that_cannot_be_loaded_is_compiled_again()
    {
        NewCache().Store("dd", new CachedProgram(SamplePrograms.Saxpy(), [1, 2, 3]));
        using var engine = new Engine(new EngineOptions { Threads = 1, CacheDirectory = _folder.Path, Logger = _logger });
        using (Executable saxpy = engine.Load("dd", SamplePrograms.Saxpy))
        {
            Assert.False(saxpy.FromCache);
        }

        using Executable again = engine.Load("dd", SamplePrograms.Saxpy);
        Assert.True(again.FromCache);
    }

    [Fact]
    public void An_entry_under_the_name_of_another_is_not_taken_for_it()
    {
        ProgramCache cache = NewCache();
        cache.Store("ee", Entry());
        string file = Assert.Single(_folder.Files);
        File.Move(file, file.Replace("ee", "ff", StringComparison.Ordinal));
        Assert.Null(cache.Find("ff"));
    }

    [Fact]
    public void Many_writers_and_readers_see_whole_entries_only()
    {
        CachedProgram[] entries = [.. Enumerable.Range(0, 4).Select(size => Entry(size))];
        NewCache().Store("11", entries[0]);
        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, worker =>
        {
            // An instance each: as between processes, all they share is the folder.
            ProgramCache cache = NewCache();
            for (int round = 0; round < 30; round++)
            {
                cache.Store("11", entries[(worker + round) % entries.Length]);
                CachedProgram found = Assert.IsType<CachedProgram>(cache.Find("11"));
                Assert.All(found.Image, item => Assert.Equal(found.Image.Length / 50_000, item));
            }
        });
        Assert.Single(_folder.Files);
        Assert.Empty(_logger.Warnings);
    }

    [Fact]
    public void What_was_used_longest_ago_goes_first()
    {
        long size = SizeOf(Entry());
        var cache = new ProgramCache(_folder.Path, 3 * size + size / 2, _logger);
        foreach ((string key, int age) in new[] { ("a1", 30), ("a2", 20), ("a3", 10) })
        {
            cache.Store(key, Entry());
            Age(key, age);
        }

        // The oldest is used once more, so that the second oldest has to go.
        Assert.NotNull(cache.Find("a1"));
        cache.Store("a4", Entry());
        Assert.Equal(["a1", "a3", "a4"], Keys());
    }

    [Fact]
    public void What_is_larger_than_the_cache_is_not_kept()
    {
        new ProgramCache(_folder.Path, 1000, _logger).Store("a1", Entry());
        Assert.Empty(_folder.Files);
        Assert.Empty(_logger.Warnings);
    }

    [Fact]
    public void Abandoned_files_are_swept_up()
    {
        string old = Path.Combine(_folder.Path, "a1.program.1.x.unfinished");
        string recent = Path.Combine(_folder.Path, "a1.program.2.x.unfinished");
        File.WriteAllText(old, "");
        File.WriteAllText(recent, "");
        File.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddHours(-2));
        NewCache().Store("a2", Entry());
        Assert.False(File.Exists(old));
        Assert.True(File.Exists(recent));
    }

    [Fact]
    public void An_unwritable_folder_costs_one_warning()
    {
        string file = Path.Combine(_folder.Path, "file");
        File.WriteAllText(file, "");
        using var engine = new Engine(new EngineOptions { Threads = 1, CacheDirectory = Path.Combine(file, "cache"), Logger = _logger });
        for (int load = 0; load < 2; load++)
        {
            using Executable saxpy = engine.Load("a1", SamplePrograms.Saxpy);
            Assert.False(saxpy.FromCache);
            saxpy.Run();
        }

        string warning = Assert.Single(_logger.Warnings);
        Assert.Contains(Path.Combine(file, "cache"), warning);
        Assert.Contains("INFERENCE_CACHE_DIR", warning);
    }

    [Fact]
    public void What_others_can_have_written_is_not_run()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        NewCache().Store("a1", Entry());
        UnixFileMode own = File.GetUnixFileMode(_folder.Path);
        File.SetUnixFileMode(_folder.Path, own | UnixFileMode.OtherWrite | UnixFileMode.StickyBit);
        ProgramCache open = NewCache();
        Assert.Null(open.Find("a1"));
        open.Store("a2", Entry());
        Assert.Equal(["a1"], Keys());
        string warning = Assert.Single(_logger.Warnings);
        Assert.Contains(_folder.Path, warning);
        Assert.Contains("Every user may write to it.", warning);

        File.SetUnixFileMode(_folder.Path, own);
        Assert.NotNull(NewCache().Find("a1"));
        Assert.Null(CacheFolder.Distrust(Path.Combine(_folder.Path, "missing")));
        Assert.Null(CacheFolder.Distrust("/usr"));

        // Only who is allowed everything can give a folder away.
        if (Environment.IsPrivilegedProcess)
        {
            using (Process give = Process.Start("chown", ["12345", _folder.Path]))
            {
                give.WaitForExit();
            }

            Assert.Equal("It belongs to another user.", CacheFolder.Distrust(_folder.Path));
            Assert.Null(NewCache().Find("a1"));
        }
    }

    [Fact]
    public void The_cache_can_be_off()
    {
        using var engine = new Engine(new EngineOptions { Threads = 1, Cache = false, CacheDirectory = _folder.Path });
        engine.Load("a1", SamplePrograms.Saxpy).Dispose();
        Assert.Empty(_folder.Files);
    }

    [Fact]
    public void Options_come_before_the_environment_and_off_before_both()
    {
        static string? Folder(EngineOptions options, params (string Name, string Value)[] variables) =>
            CacheFolder.Of(options, name => variables.FirstOrDefault(variable => variable.Name == name).Value);

        var plain = new EngineOptions();
        Assert.Equal("/b", Folder(plain, ("INFERENCE_CACHE_DIR", "/b")));
        Assert.Equal("/a", Folder(plain with { CacheDirectory = "/a" }, ("INFERENCE_CACHE_DIR", "/b")));
        Assert.Null(Folder(plain with { CacheDirectory = "/a" }, ("INFERENCE_CACHE", "off")));
        Assert.Null(Folder(plain with { Cache = false }, ("INFERENCE_CACHE_DIR", "/b")));
        if (OperatingSystem.IsLinux())
        {
            Assert.Equal("/c/inference", Folder(plain, ("XDG_CACHE_HOME", "/c")));
            Assert.Equal("/home/u/.cache/inference", Folder(plain, ("HOME", "/home/u")));
            Assert.Null(Folder(plain));
        }
    }

    [Fact]
    public void Keys_differ_with_program_and_options()
    {
        var options = new CompileOptions { InstructionSet = InstructionSet.Vector256 };
        string[] keys =
        [
            CacheKey.Of("p", options),
            CacheKey.Of("q", options),
            CacheKey.Of("p", new CompileOptions { InstructionSet = InstructionSet.Vector512 }),
            CacheKey.Of("p", new CompileOptions { InstructionSet = InstructionSet.Vector256, Double = true }),
            CacheKey.Of("p", new CompileOptions { InstructionSet = InstructionSet.Vector256, Checked = true }),
        ];
        Assert.Equal(keys.Length, keys.Distinct().Count());
        Assert.Equal(keys[0], CacheKey.Of("p", options));
        Assert.All(keys, key => Assert.True(key.Length == 64 && key.All(char.IsAsciiHexDigit)));
    }

    private static CachedProgram Entry(int size = 1) =>
        new(SamplePrograms.Saxpy(), [.. Enumerable.Repeat((byte)size, size * 50_000)]);

    private ProgramCache NewCache() => new(_folder.Path, Plenty, _logger);

    private static long SizeOf(CachedProgram entry)
    {
        using var folder = new TemporaryFolder();
        new ProgramCache(folder.Path, Plenty, new RecordingLogger()).Store("00", entry);
        return new FileInfo(folder.Files[0]).Length;
    }

    private void Age(string key, int minutes)
    {
        string path = _folder.Files.Single(file => Path.GetFileName(file).StartsWith(key, StringComparison.Ordinal));
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddMinutes(-minutes));
    }

    private IEnumerable<string> Keys() => _folder.Files.Select(file => Path.GetFileName(file)[..2]).Order();
}
