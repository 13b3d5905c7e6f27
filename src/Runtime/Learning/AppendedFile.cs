namespace Inference;

/// <summary>A file that grows by whole pieces: one that cannot be written, on a full disk, leaves no part of itself.</summary>
/// <param name="stream">Unbuffered, and at its end.</param>
internal sealed class AppendedFile(Stream stream) : IDisposable
{
    /// <summary>Goes on at the end of a file, or begins it.</summary>
    public static AppendedFile Open(string path) =>
        new(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0));

    /// <summary>Adds a piece.</summary>
    /// <exception cref="IOException">It cannot be written. The file is as before.</exception>
    public void Append(ReadOnlySpan<byte> piece)
    {
        long end = stream.Length;
        try
        {
            stream.Write(piece);
        }
        catch (IOException)
        {
            stream.SetLength(end);
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => stream.Dispose();
}
