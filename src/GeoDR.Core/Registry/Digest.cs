using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace GeoDR.Registry;

/// <summary>A content digest: sha256 or sha512 in lower-case hex (OCI image specification, "Digests").</summary>
public readonly record struct Digest
{
    private Digest(string algorithm, string hex) => (Algorithm, Hex) = (algorithm, hex);

    public string Algorithm { get; }
    public string Hex { get; }

    public static bool TryParse([NotNullWhen(true)] string? text, out Digest digest)
    {
        digest = default;
        if (text is null)
            return false;
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
            return false;
        var length = text.AsSpan(0, colon) switch { "sha256" => 64, "sha512" => 128, _ => -1 };
        var hex = text[(colon + 1)..];
        if (hex.Length != length || !hex.All(char.IsAsciiHexDigitLower))
            return false;
        digest = new Digest(text[..colon], hex);
        return true;
    }

    /// <exception cref="FormatException"/>
    public static Digest Parse(string text) =>
        TryParse(text, out var digest) ? digest : throw new FormatException("not a sha256 or sha512 digest");

    public static Digest OfSha256(ReadOnlySpan<byte> bytes) => new("sha256", Convert.ToHexStringLower(SHA256.HashData(bytes)));

    /// <summary>The digest of <paramref name="bytes"/> by this one's algorithm.</summary>
    public Digest Of(ReadOnlySpan<byte> bytes) =>
        Algorithm == "sha512" ? new("sha512", Convert.ToHexStringLower(SHA512.HashData(bytes))) : OfSha256(bytes);

    internal IncrementalHash NewHash() =>
        IncrementalHash.CreateHash(Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256);

    public override string ToString() => $"{Algorithm}:{Hex}";
}
