namespace Inference.CSharpApi.Tests;

internal static class Placeholder
{
}
