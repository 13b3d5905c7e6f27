using System.Diagnostics;
using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Inference.Examples.Pendulum;

/// <summary>
/// The live table. It is drawn between two solves, on the thread that runs the episode, at most twenty times a second: no solve
/// ever shares a core with it.
/// </summary>
internal sealed class TerminalView
{
    private const double SecondsPerStep = 0.05;
    private static readonly TimeSpan FrameTime = TimeSpan.FromMilliseconds(50);

    private readonly PendulumOptions _options;
    private readonly LiveDisplayContext _display;
    private readonly CancellationToken _cancellation;
    private readonly long _start = Stopwatch.GetTimestamp();
    private long _lastFrame;

    private TerminalView(PendulumOptions options, LiveDisplayContext display, CancellationToken cancellation)
    {
        _options = options;
        _display = display;
        _cancellation = cancellation;
    }

    /// <summary>False where the terminal cannot move its cursor.</summary>
    public static bool IsPossible => AnsiConsole.Profile.Capabilities is { Ansi: true, Interactive: true };

    public static Episode Show(PendulumOptions options, Func<Action<Episode>, Episode> simulate, CancellationToken cancellation) =>
        AnsiConsole.Live(new Text("")).Start(display => simulate(new TerminalView(options, display, cancellation).AfterStep));

    private void AfterStep(Episode episode)
    {
        bool last = episode.Steps == _options.Steps;
        if (last || Stopwatch.GetElapsedTime(_lastFrame) >= FrameTime)
        {
            _display.UpdateTarget(Picture(episode));
            _lastFrame = Stopwatch.GetTimestamp();
        }

        if (_options.Speed > 0 && !last)
        {
            TimeSpan due = TimeSpan.FromSeconds(episode.Steps * SecondsPerStep / _options.Speed);
            TimeSpan wait = due - Stopwatch.GetElapsedTime(_start);
            if (wait > TimeSpan.Zero)
            {
                _cancellation.WaitHandle.WaitOne(wait);
            }
        }
    }

    private Table Picture(Episode episode)
    {
        int step = episode.Steps - 1;
        ReadOnlySpan<float> state = episode.State(step + 1);
        double torque = episode.Action(step)[0];
        double angle = LiveView.Degrees(state[0]);
        var numbers = new Grid()
            .AddColumn(new GridColumn().PadRight(2))
            .AddColumn(new GridColumn().RightAligned().Width(12))
            .AddColumn(new GridColumn().Width(22));
        AddRow(numbers, "step", $"{episode.Steps} / {_options.Steps}", Bar(episode.Steps / (double)_options.Steps));
        AddRow(numbers, "angle", Number(angle, "F1", "°"), Gauge(angle / 180));
        AddRow(numbers, "torque", Number(torque, "F2", " N·m"), Gauge(torque / 2));
        AddRow(numbers, "return", Number(episode.Return, "F1", ""), new Text(""));
        AddRow(numbers, "solve", Number(episode.SolveMicroseconds[step], "F0", " µs"), new Text(""));
        return new Table().Border(TableBorder.None).HideHeaders().AddColumns("", "").AddRow(RodPicture.Of(state[0]), numbers);
    }

    private static void AddRow(Grid grid, string name, string value, IRenderable picture) =>
        grid.AddRow(new Text(name, new Style(Color.Grey)), new Text(value), picture);

    private static string Number(double value, string format, string unit) =>
        value.ToString(format, CultureInfo.InvariantCulture) + unit;

    private static Text Bar(double share)
    {
        const int Width = 20;
        int full = (int)Math.Round(share * Width);
        return new Text(new string('━', full) + new string('╌', Width - full), new Style(Color.Teal));
    }

    /// <summary>A pointer on a line whose middle is 0 and whose ends are ±1.</summary>
    private static Text Gauge(double value)
    {
        const int Half = 10;
        char[] line = new string('╌', (2 * Half) + 1).ToCharArray();
        line[Half] = '┼';
        line[Half + (int)Math.Round(Math.Clamp(double.IsFinite(value) ? value : 0, -1, 1) * Half)] = '●';
        return new Text(new string(line), new Style(Color.Teal));
    }
}
