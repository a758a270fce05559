using System.Security.Cryptography;

namespace GeoDR.Lab;

/// <summary>SHA-256 digests in a registry's form.</summary>
public static class Digests
{
    public static string Of(ReadOnlySpan<byte> bytes) => Text(SHA256.HashData(bytes));

    public static async Task<string> OfAsync(Stream stream, CancellationToken cancellationToken = default) =>
        Text(await SHA256.HashDataAsync(stream, cancellationToken));

    private static string Text(byte[] hash) => "sha256:" + Convert.ToHexStringLower(hash);
}
