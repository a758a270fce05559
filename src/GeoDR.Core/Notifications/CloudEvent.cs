using System.Buffers;
using System.Text.Json;

namespace GeoDR.Notifications;

/// <summary>
/// An event in the binary form of CloudEvents 1.0 over HTTP (its attributes in headers named <c>ce-…</c>) as the structured one, so
/// that what is kept of it is one body that can be read again.
/// </summary>
public static class CloudEvent
{
    /// <summary>The attributes that are taken along; no other header is.</summary>
    public static IReadOnlyList<string> Attributes { get; } = ["specversion", "id", "source", "type", "time", "subject"];

    /// <param name="attribute">The value of a header without its <c>ce-</c>; null where it was not sent.</param>
    /// <param name="body">The event's data; what is not JSON goes along in base64.</param>
    public static ReadOnlyMemory<byte> Structured(Func<string, string?> attribute, ReadOnlyMemory<byte> body)
    {
        var written = new ArrayBufferWriter<byte>(body.Length + 512);
        using var writer = new Utf8JsonWriter(written);
        writer.WriteStartObject();
        foreach (var name in Attributes)
            if (attribute(name) is { } value)
                writer.WriteString(name, value);
        if (IsJson(body))
        {
            writer.WritePropertyName("data");
            writer.WriteRawValue(body.Span, skipInputValidation: true);
        }
        else
        {
            writer.WriteBase64String("data_base64", body.Span);
        }
        writer.WriteEndObject();
        writer.Flush();
        return written.WrittenMemory;
    }

    private static bool IsJson(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
