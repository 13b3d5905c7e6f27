namespace Inference.Examples.Digits;

/// <summary>The program around the autoencoders: trains one, shows how it goes, and writes what was asked for.</summary>
public static class DigitsTerminal
{
    /// <summary>Runs the program.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="twin">The models.</param>
    /// <returns>The exit code: 0, 1 after an error, 2 after wrong usage, 130 when cancelled.</returns>
    public static int Run(string[] arguments, DigitsTwin twin)
    {
        ArgumentNullException.ThrowIfNull(twin);
        return ExampleProgram.Run(DigitsOptions.CommandLine, arguments, (options, cancellation) => Run(options, twin, cancellation));
    }

    private static void Run(DigitsOptions options, DigitsTwin twin, CancellationToken cancellation)
    {
        (DigitSet training, DigitSet test) = options.Mnist is { } folder ? DigitSet.Mnist(folder) : DigitSet.Small();

        // MNIST's sizes are those of Kingma and Welling (2014).
        var sizes = options.Mnist is null
            ? new DigitsSizes(training.Pixels, 128, 8, DigitSet.Classes)
            : new DigitsSizes(training.Pixels, 400, 20, DigitSet.Classes);
        using var engine = new Engine(new EngineOptions { Threads = options.Threads });
        if (options.Model == DigitsOptions.Vae)
        {
            Experiment<Tensor>.Run(options, twin.Vae(sizes), training, test, engine, cancellation);
        }
        else
        {
            Experiment<(Tensor, Tensor)>.Run(options, twin.ConditionalVae(sizes), training, test, engine, cancellation);
        }
    }
}
