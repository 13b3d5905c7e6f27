using System.Security.Cryptography;
using Inference.Compiler;
using Microsoft.Extensions.Logging;

namespace Inference;

/// <summary>
/// Compiled programs on disk, a file each, shared by all processes of a user. Nothing that goes wrong here is an error: a program
/// that cannot be read is compiled, and one that cannot be written is compiled again next time, at the cost of one warning.
/// </summary>
internal sealed class ProgramCache
{
    private const string Extension = ".program";
    private const string UnfinishedExtension = ".unfinished";
    private const int HeaderBytes = 8 + SHA256.HashSizeInBytes;

    // "INFC", then the version of the format.
    private const long Magic = 0x43464E49L | ((long)PlanFormat.Version << 32);

    private static readonly TimeSpan AbandonedAfter = TimeSpan.FromHours(1);

    private readonly string? _folder;
    private readonly long _capacityBytes;
    private readonly ILogger _logger;
    private int _warned;
    private int _warnedOfOthers;

    /// <param name="folder">Where the files are, or null for no cache.</param>
    /// <param name="capacityBytes">What they may take in all.</param>
    /// <param name="logger">Receives the warning.</param>
    public ProgramCache(string? folder, long capacityBytes, ILogger logger)
    {
        _folder = folder;
        _capacityBytes = capacityBytes;
        _logger = logger;
    }

    /// <summary>The program kept under a key, or null.</summary>
    public CachedProgram? Find(string key)
    {
        if (_folder is null)
        {
            return null;
        }

        string path = PathOf(key);
        try
        {
            if (!File.Exists(path) || !IsTrusted(_folder))
            {
                return null;
            }

            byte[] bytes = File.ReadAllBytes(path);
            if (Decode(bytes, key) is not { } found)
            {
                _logger.LogInformation("The cached program {Path} is damaged and is compiled again.", path);
                File.Delete(path);
                return null;
            }

            Touch(path);
            return found;
        }
        catch (Exception failure) when (IsExpected(failure))
        {
            // Another process may have removed it a moment ago; and who cannot read here hears of it when writing.
            return null;
        }
    }

    /// <summary>Keeps a program, unless that fails; removes what was used longest ago if there is too much.</summary>
    public void Store(string key, CachedProgram program)
    {
        if (_folder is null)
        {
            return;
        }

        try
        {
            byte[] bytes = Encode(key, program);
            if (bytes.Length <= _capacityBytes)
            {
                CreateFolder(_folder);
                if (!IsTrusted(_folder))
                {
                    return;
                }

                Trim(_folder, _capacityBytes - bytes.Length, key);
                WriteWhole(PathOf(key), bytes);
            }
        }
        catch (Exception failure) when (IsExpected(failure))
        {
            Warn(failure);
        }
    }

    /// <summary>Removes the program kept under a key, if there is one.</summary>
    public void Remove(string key)
    {
        if (_folder is not null)
        {
            TryDelete(PathOf(key));
        }
    }

    private static byte[] Encode(string key, CachedProgram program)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(Magic);
        stream.Position = HeaderBytes;
        writer.Write(key);
        PlanFormat.Write(writer, program.Plan);
        PlanFormat.WriteBytes(writer, program.Image);
        byte[] bytes = stream.ToArray();
        SHA256.HashData(bytes.AsSpan(HeaderBytes), bytes.AsSpan(sizeof(long), SHA256.HashSizeInBytes));
        return bytes;
    }

    private static CachedProgram? Decode(byte[] bytes, string key)
    {
        if (bytes.Length < HeaderBytes || BitConverter.ToInt64(bytes) != Magic)
        {
            return null;
        }

        byte[] checksum = SHA256.HashData(bytes.AsSpan(HeaderBytes));
        if (!checksum.AsSpan().SequenceEqual(bytes.AsSpan(sizeof(long), SHA256.HashSizeInBytes)))
        {
            return null;
        }

        using var reader = new BinaryReader(new MemoryStream(bytes, HeaderBytes, bytes.Length - HeaderBytes));
        return reader.ReadString() == key ? new CachedProgram(PlanFormat.Read(reader), PlanFormat.ReadBytes(reader)) : null;
    }

    // Readers see the old file or the new one, never a part: the new one takes its name only when it is whole.
    private static void WriteWhole(string path, byte[] bytes)
    {
        string unfinished = $"{path}.{Environment.ProcessId}.{Guid.NewGuid():N}{UnfinishedExtension}";
        try
        {
            File.WriteAllBytes(unfinished, bytes);
            File.Move(unfinished, path, overwrite: true);
        }
        catch
        {
            TryDelete(unfinished);
            throw;
        }
    }

    /// <summary>Removes entries, those used longest ago first, until the others take no more than a number of bytes.</summary>
    private static void Trim(string folder, long bytes, string except)
    {
        var entries = new List<FileInfo>();
        foreach (FileInfo file in new DirectoryInfo(folder).EnumerateFiles())
        {
            if (file.Extension == UnfinishedExtension && DateTime.UtcNow - file.LastWriteTimeUtc > AbandonedAfter)
            {
                TryDelete(file.FullName);
            }
            else if (file.Extension == Extension && Path.GetFileNameWithoutExtension(file.Name) != except)
            {
                entries.Add(file);
            }
        }

        long total = entries.Sum(entry => entry.Length);
        foreach (FileInfo entry in entries.OrderBy(entry => entry.LastWriteTimeUtc).TakeWhile(_ => total > bytes))
        {
            TryDelete(entry.FullName);
            total -= entry.Length;
        }
    }

    // What is loaded from here is run: nobody else may write to it.
    private static void CreateFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    // The time of the last write says when an entry was last used: times of access are often not kept.
    private static void Touch(string path)
    {
        try
        {
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
        }
        catch (Exception failure) when (IsExpected(failure))
        {
            // A cache that can only be read serves as well.
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception failure) when (IsExpected(failure))
        {
            // Gone already, or in use elsewhere: the next one to write tries again.
        }
    }

    private static bool IsExpected(Exception failure) =>
        failure is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException
            or InvalidDataException or CryptographicException or System.Security.SecurityException or TypeInitializationException;

    private string PathOf(string key) => Path.Combine(_folder!, key + Extension);

    // What is loaded from here is run: not where somebody else can have put it.
    private bool IsTrusted(string folder)
    {
        if (CacheFolder.Distrust(folder) is not { } reason)
        {
            return true;
        }

        if (Interlocked.Exchange(ref _warnedOfOthers, 1) == 0)
        {
            _logger.LogWarning(
                "Compiled programs in {Folder} are not used: {Reason} Each process will compile them again. Make it the user's alone "
                    + "(chmod 700), or name another folder by INFERENCE_CACHE_DIR; INFERENCE_CACHE=off turns the cache off.",
                folder,
                reason);
        }

        return false;
    }

    private void Warn(Exception failure)
    {
        if (Interlocked.Exchange(ref _warned, 1) == 0)
        {
            _logger.LogWarning(
                "Compiled programs cannot be kept in {Folder}: {Reason} Each process will compile them again. "
                    + "INFERENCE_CACHE_DIR names another folder; INFERENCE_CACHE=off turns the cache off.",
                _folder,
                failure.Message);
        }
    }
}

/// <summary>What the cache keeps of a program.</summary>
/// <param name="Plan">All but its machine code.</param>
/// <param name="Image">The portable executable with its kernels.</param>
internal sealed record CachedProgram(CompiledProgram Plan, byte[] Image);
