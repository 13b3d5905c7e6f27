namespace Inference.CSharpApi.Tests;

/// <summary>
/// The folder of the solution, above the one that the tests run in. Paths of sources are not real ones in a deterministic build, so tests that
/// read files find them from here.
/// </summary>
internal static class SolutionFolder
{
    public static string PathOf(string relative)
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Inference.sln")))
        {
            folder = folder.Parent;
        }

        return Path.Combine(folder?.FullName ?? throw new DirectoryNotFoundException("Inference.sln is in no folder above the tests."), relative);
    }
}
