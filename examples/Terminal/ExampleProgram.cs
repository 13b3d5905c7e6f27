namespace Inference.Examples;

/// <summary>What surrounds every example: interrupts, errors, and files that must be writable.</summary>
public static class ExampleProgram
{
    /// <summary>Does the work, and says how it ended; an error is one line on standard error.</summary>
    /// <param name="work">Looks at the token between steps, and throws when it is cancelled.</param>
    /// <returns>The exit code.</returns>
    public static int Run(Action<CancellationToken> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        using var cancellation = new CancellationTokenSource();
        void Cancel(object? sender, ConsoleCancelEventArgs pressed)
        {
            // Pressed again, it ends the process at once.
            pressed.Cancel = !cancellation.IsCancellationRequested;
            cancellation.Cancel();
        }

        Console.CancelKeyPress += Cancel;
        try
        {
            work(cancellation.Token);
            return ExitCode.Success;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("Cancelled.");
            return ExitCode.Cancelled;
        }
        catch (Exception failure) when (
            failure is ModelException or ArgumentException or IOException or UnauthorizedAccessException or InvalidOperationException
                or InvalidDataException or CheckpointException or TrainingException or OutOfMemoryException)
        {
            Console.Error.WriteLine(failure.Message);
            return ExitCode.Failure;
        }
        finally
        {
            Console.CancelKeyPress -= Cancel;
        }
    }

    /// <summary>A file that cannot be written is an error before the work, not after it.</summary>
    /// <param name="path">The file; null: none is wanted.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void RequireWritable(string? path)
    {
        if (path is not null)
        {
            bool existed = File.Exists(path);
            File.Open(path, FileMode.OpenOrCreate, FileAccess.Write).Dispose();
            if (!existed)
            {
                File.Delete(path);
            }
        }
    }
}
