using System.Runtime.InteropServices;

namespace Inference;

/// <summary>Replaces a file as a whole: whoever reads it, at any moment, also after a crash, finds the old contents or the new ones.</summary>
internal static partial class AtomicFile
{
    /// <summary>What is added to the name of a file that is not whole yet.</summary>
    public const string Unfinished = ".unfinished";

    private const int ReadOnly = 0;

    /// <summary>
    /// Writes beside the file, brings it to the disk, then renames it. A process that was killed leaves the unfinished file, which the next
    /// writer overwrites.
    /// </summary>
    /// <param name="path">The file. Its folder exists.</param>
    /// <param name="write">Writes the contents.</param>
    /// <param name="open">Opens the unfinished file; tests give one that fails.</param>
    /// <exception cref="IOException">It cannot be written. The old file is as before.</exception>
    /// <exception cref="UnauthorizedAccessException">It cannot be written. The old file is as before.</exception>
    public static void Write(string path, Action<Stream> write, Func<string, Stream>? open = null)
    {
        string unfinished = path + Unfinished;
        try
        {
            using (Stream stream = (open ?? Open)(unfinished))
            {
                write(stream);
                stream.Flush();
                (stream as FileStream)?.Flush(flushToDisk: true);
            }

            File.Move(unfinished, path, overwrite: true);
        }
        catch
        {
            TryDelete(unfinished);
            throw;
        }

        FlushFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>Opens an unfinished file for one writer.</summary>
    public static Stream Open(string path) => new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None);

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // The failure that led here is the one to hear of.
        }
    }

    // The new name is in the folder, which is written back on its own. Where it cannot be, a loss of power may bring the old file back, whole.
    private static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        int descriptor = OpenFolder(folder, ReadOnly);
        if (descriptor >= 0)
        {
            _ = Synchronise(descriptor);
            _ = Close(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFolder(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Synchronise(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
