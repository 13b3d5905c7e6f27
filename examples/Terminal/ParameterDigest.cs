using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Inference.Examples;

/// <summary>Tells whether two trainings ended with the same bits.</summary>
public static class ParameterDigest
{
    /// <summary>The SHA-256 of parameters in the order of their names, each number as four bytes.</summary>
    public static string Of(IReadOnlyDictionary<string, StoredTensor> parameters)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] bytes = new byte[sizeof(float)];
        foreach (double value in parameters.OrderBy(pair => pair.Key, StringComparer.Ordinal).SelectMany(pair => pair.Value.ToArray()))
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes, (float)value);
            digest.AppendData(bytes);
        }

        return Convert.ToHexStringLower(digest.GetHashAndReset());
    }
}
