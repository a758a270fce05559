using System.Buffers;
using System.Security.Cryptography;

namespace GeoDR.Lab.Registries;

/// <summary>Digests as the OCI image specification writes them: <c>algorithm:hex</c>.</summary>
public static class LabDigest
{
    static readonly SearchValues<char> Hex = SearchValues.Create("0123456789abcdef");

    public static string Sha256(ReadOnlySpan<byte> bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>True for a well-formed sha256 or sha512 digest; registries answer anything else with DIGEST_INVALID.</summary>
    public static bool IsValid(string? digest)
    {
        var colon = digest?.IndexOf(':', StringComparison.Ordinal) ?? -1;
        if (colon < 0)
        {
            return false;
        }

        var hex = digest.AsSpan(colon + 1);
        var length = digest.AsSpan(0, colon) switch { "sha256" => 64, "sha512" => 128, _ => -1 };
        return hex.Length == length && !hex.ContainsAnyExcept(Hex);
    }

    internal static string Of(Stream content, string algorithm) => algorithm == "sha512"
        ? "sha512:" + Convert.ToHexStringLower(SHA512.HashData(content))
        : "sha256:" + Convert.ToHexStringLower(SHA256.HashData(content));

    internal static string Algorithm(string digest) => digest[..digest.IndexOf(':', StringComparison.Ordinal)];
}
