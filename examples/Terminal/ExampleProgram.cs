using System.Text.Json;

namespace Inference.Examples;

/// <summary>What surrounds every example: its command line, interrupts, errors, files that must be writable, and how it ends.</summary>
public static class ExampleProgram
{
    /// <summary>Reads the command line, does the work, and says how it ended.</summary>
    /// <param name="commandLine">What may be asked for.</param>
    /// <param name="arguments">What is asked for.</param>
    /// <param name="work">Looks at the token between steps, and throws when it is cancelled.</param>
    /// <returns>The exit code: 0, 1 after an error, 2 after wrong usage, 130 when cancelled.</returns>
    public static int Run<T>(CommandLine<T> commandLine, string[] arguments, Action<T, CancellationToken> work)
        where T : ExampleOptions, new()
    {
        ArgumentNullException.ThrowIfNull(commandLine);
        (T? options, int exitCode) = commandLine.Parse(arguments);
        return options is null ? exitCode : Run(cancellation =>
        {
            RequireWritable(options.Page);
            work(options, cancellation);
        });
    }

    /// <summary>Ends an example: by one line of JSON, or by what people read and where the page is.</summary>
    /// <param name="options">Which of them is asked for.</param>
    /// <param name="summary">Writes the properties of the line's object.</param>
    /// <param name="tell">Writes what people read.</param>
    public static void Conclude(ExampleOptions options, Action<Utf8JsonWriter> summary, Action tell)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(tell);
        if (options.Json)
        {
            Console.WriteLine(ExamplePage.JsonOf(summary));
            return;
        }

        tell();
        if (options.Page is { } page)
        {
            Console.WriteLine($"Page: {Path.GetFullPath(page)}");
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

    // An error is one line on standard error.
    private static int Run(Action<CancellationToken> work)
    {
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
}
