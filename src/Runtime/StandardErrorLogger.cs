using Microsoft.Extensions.Logging;

namespace Inference;

/// <summary>The logger of an engine that was given none: warnings and worse, a line each, on standard error.</summary>
internal sealed class StandardErrorLogger : ILogger
{
    public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Warning and < LogLevel.None;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
        {
            Console.Error.WriteLine($"inference: {formatter(state, exception)}");
        }
    }
}
