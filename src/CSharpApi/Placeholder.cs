namespace Inference.CSharpApi;

internal static class Placeholder
{
}
