using System.Buffers.Text;
using System.Text.Json;

namespace GeoDR.Registry;

/// <summary>
/// Docker schema 1, signed: its digest is over the payload that the signatures sign, not over the bytes as served (Distribution,
/// "Image Manifest V 2, Schema 1", "Signed Manifests").
/// </summary>
internal static class SignedSchema1
{
    /// <summary>The bytes that the digest is over; those served where they carry no signature.</summary>
    public static ReadOnlyMemory<byte> Payload(ReadOnlyMemory<byte> served)
    {
        try
        {
            using var document = JsonDocument.Parse(served);
            var signature = document.RootElement.GetProperty("signatures")[0].GetProperty("protected").GetString()!;
            using var header = JsonDocument.Parse(Base64Url.DecodeFromChars(signature));
            var length = header.RootElement.GetProperty("formatLength").GetInt32();
            var tail = Base64Url.DecodeFromChars(header.RootElement.GetProperty("formatTail").GetString()!);
            return (byte[])[.. served.Span[..length], .. tail];
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException
            or ArgumentOutOfRangeException or IndexOutOfRangeException)
        {
            return served;
        }
    }
}
