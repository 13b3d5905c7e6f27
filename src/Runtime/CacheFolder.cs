namespace Inference;

/// <summary>Finds the folder of the cache of compiled programs.</summary>
internal static class CacheFolder
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
