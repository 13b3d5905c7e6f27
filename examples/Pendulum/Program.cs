namespace Inference.Examples.Pendulum;

internal static class Program
{
    private static int Main() => 0;
}
