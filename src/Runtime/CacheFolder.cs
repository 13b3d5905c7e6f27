using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Inference;

/// <summary>Finds the folder of the cache of compiled programs, and says whether what is in it may be run.</summary>
internal static unsafe partial class CacheFolder
{
    /// <summary>The variable that names the folder.</summary>
    public const string FolderVariable = "INFERENCE_CACHE_DIR";

    /// <summary>The variable that turns the cache off.</summary>
    public const string SwitchVariable = "INFERENCE_CACHE";

    /// <summary>The folder that options and environment ask for, or null for no cache.</summary>
    /// <param name="options">The engine's options.</param>
    /// <param name="environment">The value of an environment variable, or null.</param>
    public static string? Of(EngineOptions options, Func<string, string?> environment)
    {
        if (!options.Cache || string.Equals(environment(SwitchVariable), "off", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        return options.CacheDirectory ?? NullIfEmpty(environment(FolderVariable)) ?? OfUser(environment);
    }

    /// <summary>Why the contents of a folder must not be run: others than this user and the system's own may have written them.</summary>
    /// <param name="folder">A folder, which need not exist.</param>
    /// <returns>The reason, or null.</returns>
    public static string? Distrust(string folder)
    {
        // On Windows a user's folder is the user's, by inheritance of its rights.
        if (OperatingSystem.IsWindows() || !Directory.Exists(folder))
        {
            return null;
        }

        return (File.GetUnixFileMode(folder) & UnixFileMode.OtherWrite) != 0 ? "Every user may write to it."
            : BelongsToAnother(folder) ? "It belongs to another user."
            : null;
    }

    [UnsupportedOSPlatform("windows")]
    private static bool BelongsToAnother(string folder)
    {
        if (OperatingSystem.IsLinux())
        {
            // struct statx of linux/stat.h: 256 bytes, the owner at the twentieth.
            uint* status = stackalloc uint[64];
            const int CurrentFolder = -100;
            const uint Owner = 8;
            return GetStatus(CurrentFolder, folder, 0, Owner, status) != 0 || (status[5] != 0 && status[5] != GetUser());
        }

        try
        {
            // Only the owner may set the mode, even to what it is.
            File.SetUnixFileMode(folder, File.GetUnixFileMode(folder));
            return false;
        }
        catch (UnauthorizedAccessException)
        {
            return true;
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int GetStatus(int at, string path, int flags, uint mask, uint* status);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetUser();

    // Never a folder that others can write to, such as the one for temporary files: its contents are run.
    private static string? OfUser(Func<string, string?> environment)
    {
        string? caches =
            OperatingSystem.IsWindows() ? NullIfEmpty(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData))
            : OperatingSystem.IsMacOS() ? Below(environment("HOME"), "Library/Caches")
            : NullIfEmpty(environment("XDG_CACHE_HOME")) ?? Below(environment("HOME"), ".cache");
        return Below(caches, "inference");
    }

    private static string? Below(string? folder, string name) => string.IsNullOrEmpty(folder) ? null : Path.Combine(folder, name);

    private static string? NullIfEmpty(string? value) => string.IsNullOrEmpty(value) ? null : value;
}
