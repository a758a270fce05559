using System.Globalization;
using System.Text;
using System.Text.Json;
using GeoDR.Registry;

namespace GeoDR.Notifications;

/// <summary>A value that is not what the sender's description says.</summary>
internal sealed class NotUnderstoodException(string message) : Exception(message);

/// <summary>Reads what a stranger wrote, field by field; empty counts as absent. Anything else than was described is not understood.</summary>
internal static class Fields
{
    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = 32 };

    /// <summary>What a parser makes of a body; never throws on what a sender wrote.</summary>
    public static Envelope ReadBody(ReadOnlyMemory<byte> body, Func<JsonElement, Envelope> sort)
    {
        try
        {
            using var document = JsonDocument.Parse(body, s_options);
            return sort(document.RootElement);
        }
        catch (JsonException e)
        {
            return new Envelope([], 0, [$"not JSON: {Short(e.Message)}"]);
        }
        // GetString throws InvalidOperationException on bytes that are not UTF-8, but only for values that are read.
        catch (Exception e) when (e is NotUnderstoodException or InvalidOperationException)
        {
            return new Envelope([], 0, [Short(e.Message)]);
        }
    }

    public static JsonElement? Object(JsonElement? parent, string name) =>
        parent is not { } owner || !owner.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == JsonValueKind.Object ? value
        : throw new NotUnderstoodException($"has a {name} that is not an object");

    public static string? Text(JsonElement? parent, string name)
    {
        if (parent is not { } owner || !owner.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
            return null;
        if (value.ValueKind != JsonValueKind.String)
            throw new NotUnderstoodException($"has a {name} that is not text");
        var text = value.GetString()!;
        // PostgreSQL keeps no NUL in text, and a lone surrogate is not UTF-8.
        if (text.Any(c => c == '\0' || char.IsSurrogate(c)) && !IsStorable(text))
            throw new NotUnderstoodException($"has a {name} with characters that cannot be kept");
        return text.Length == 0 ? null : text;
    }

    public static string EventId(JsonElement item, string name = "id")
    {
        var id = Text(item, name) ?? throw new NotUnderstoodException($"has no {name}");
        return id.Length <= 255 ? id : throw new NotUnderstoodException($"has an {name} of more than 255 characters");
    }

    public static string Repository(string? name) =>
        OciNames.IsRepository(name) ? name : throw new NotUnderstoodException($"names no valid repository: '{Short(name)}'");

    public static string? Tag(string? tag) =>
        tag is null || OciNames.IsTag(tag) ? tag : throw new NotUnderstoodException($"names no valid tag: '{Short(tag)}'");

    public static string? DigestText(string? digest) =>
        digest is null || Digest.TryParse(digest, out _) ? digest : throw new NotUnderstoodException($"names no valid digest: '{Short(digest)}'");

    public static long? Number(JsonElement parent, string name)
    {
        if (!parent.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
            return null;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt64(out var number) || number < 0)
            throw new NotUnderstoodException($"has a {name} that is not a number of bytes");
        return number;
    }

    public static DateTimeOffset? Time(JsonElement item, string name)
    {
        if (Text(item, name) is not { } text)
            return null;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : throw new NotUnderstoodException($"has a {name} that is no time");
    }

    /// <summary>A stranger's words, fit to be shown: no control characters, and not long.</summary>
    public static string Short(string? text)
    {
        var clean = new string([.. (text ?? "").Take(100).Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c)]);
        return clean.Length < (text ?? "").Length ? clean + "…" : clean;
    }

    private static bool IsStorable(string text)
    {
        if (text.Contains('\0'))
            return false;
        foreach (var rune in text.EnumerateRunes())
            if (rune == Rune.ReplacementChar)
                return false;
        return true;
    }
}
