namespace Inference;

/// <summary>A seed as the two words that programs take, the low one first.</summary>
internal static class SeedWords
{
    public static void Write(Executable executable, int slot, long seed)
    {
        Span<uint> words = executable.Input<uint>(slot);
        words[0] = unchecked((uint)seed);
        words[1] = unchecked((uint)(seed >> 32));
    }
}
