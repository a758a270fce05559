using System.Globalization;
using System.Text;
using System.Text.Json;
using GeoDR.EventLog;
using GeoDR.Registry;

namespace GeoDR.Notifications;

/// <summary>
/// Translates the notification envelope of CNCF Distribution 2.x and 3.x ("Work with notifications", section Envelope).
/// 3.x writes empty strings where 2.x leaves a field out, so empty counts as absent.
/// </summary>
public static class DistributionEnvelope
{
    private const int MaxProblems = 20;
    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = 32 };

    /// <summary>A value that is not what the envelope's description says.</summary>
    private sealed class NotUnderstoodException(string message) : Exception(message);

    /// <summary>Sorts an envelope; never throws on what a sender wrote.</summary>
    public static Envelope Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            // GetString throws on bytes that are not UTF-8, but only for values that are read.
            using var document = JsonDocument.Parse(body, s_options);
            return Sort(document.RootElement);
        }
        catch (JsonException e)
        {
            return new Envelope([], 0, [$"not JSON: {Short(e.Message)}"]);
        }
        catch (NotUnderstoodException e)
        {
            return new Envelope([], 0, [e.Message]);
        }
    }

    private static Envelope Sort(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("events", out var list) || list.ValueKind != JsonValueKind.Array)
            throw new NotUnderstoodException("the envelope has no list of events");
        if (list.GetArrayLength() == 0)
            throw new NotUnderstoodException("the envelope's list of events is empty");
        var events = new List<NewEvent>();
        var problems = new List<string>();
        var (ignored, index) = (0, 0);
        foreach (var item in list.EnumerateArray())
        {
            try
            {
                if (Translate(item) is { } understood)
                    events.Add(understood);
                else
                    ignored++;
            }
            catch (Exception e) when (e is NotUnderstoodException or InvalidOperationException)
            {
                if (problems.Count < MaxProblems)
                    problems.Add($"event {index}: {Short(e.Message)}");
            }
            index++;
        }
        return new Envelope(events, ignored, problems);
    }

    /// <summary>Null for an event that is understood and of no use.</summary>
    private static NewEvent? Translate(JsonElement item)
    {
        if (item.ValueKind != JsonValueKind.Object)
            throw new NotUnderstoodException("is not an object");
        var action = Text(item, "action") ?? throw new NotUnderstoodException("has no action");
        if (action is "pull" or "mount")
            return null;
        if (action is not (EventKinds.Push or EventKinds.Delete))
            throw new NotUnderstoodException($"has an unknown action '{Short(action)}'");
        var target = Object(item, "target") ?? throw new NotUnderstoodException("has no target");
        var repository = Text(target, "repository");
        if (!OciNames.IsRepository(repository))
            throw new NotUnderstoodException($"names no valid repository: '{Short(repository)}'");
        var tag = Text(target, "tag");
        if (tag is not null && !OciNames.IsTag(tag))
            throw new NotUnderstoodException($"names no valid tag: '{Short(tag)}'");
        var digest = Text(target, "digest");
        if (digest is not null && !Digest.TryParse(digest, out _))
            throw new NotUnderstoodException($"names no valid digest: '{Short(digest)}'");
        var id = EventId(item);
        var mediaType = Text(target, "mediaType");
        if (action == EventKinds.Push)
        {
            if (digest is null)
                throw new NotUnderstoodException("is a push without a digest");
            if (tag is null && IsBlob(target, mediaType))
                return null;
        }
        else if (tag is null && digest is null)
        {
            throw new NotUnderstoodException("is a delete of neither a tag nor a digest");
        }
        return new NewEvent(
            id, action, repository!, tag, digest, mediaType, Number(target, "size"), Bytes(target),
            Text(Object(item, "source"), "instanceID"), Text(Object(item, "actor"), "name"),
            Text(Object(item, "request"), "useragent"), Time(item));
    }

    private static string EventId(JsonElement item)
    {
        var id = Text(item, "id") ?? throw new NotUnderstoodException("has no id");
        return id.Length <= 255 ? id : throw new NotUnderstoodException("has an id of more than 255 characters");
    }

    /// <summary>A blob's push names application/octet-stream and a URL under /blobs/; a manifest's never does.</summary>
    private static bool IsBlob(JsonElement target, string? mediaType)
    {
        var url = Text(target, "url");
        if (url is not null && url.Contains("/manifests/", StringComparison.Ordinal))
            return false;
        if (mediaType is not null && MediaTypes.IsManifest(mediaType))
            return false;
        if (mediaType == "application/octet-stream" || (url is not null && url.Contains("/blobs/", StringComparison.Ordinal)))
            return true;
        throw new NotUnderstoodException($"is a push of neither a manifest nor a blob: '{Short(mediaType)}'");
    }

    /// <summary>The manifest with all it refers to, where the sender lists that (<c>includereferences</c>).</summary>
    private static long? Bytes(JsonElement target)
    {
        if (!target.TryGetProperty("references", out var references) || references.ValueKind == JsonValueKind.Null)
            return null;
        if (references.ValueKind != JsonValueKind.Array)
            throw new NotUnderstoodException("has references that are not a list");
        var sum = Number(target, "size") ?? 0;
        foreach (var reference in references.EnumerateArray())
        {
            if (reference.ValueKind != JsonValueKind.Object)
                throw new NotUnderstoodException("has a reference that is not an object");
            if (Number(reference, "size") is not { } size || size > long.MaxValue - sum)
                return null;
            sum += size;
        }
        return sum;
    }

    private static JsonElement? Object(JsonElement parent, string name) =>
        !parent.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == JsonValueKind.Object ? value
        : throw new NotUnderstoodException($"has a {name} that is not an object");

    private static string? Text(JsonElement? parent, string name)
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

    private static bool IsStorable(string text)
    {
        if (text.Contains('\0'))
            return false;
        foreach (var rune in text.EnumerateRunes())
            if (rune == Rune.ReplacementChar)
                return false;
        return true;
    }

    private static long? Number(JsonElement parent, string name)
    {
        if (!parent.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
            return null;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt64(out var number) || number < 0)
            throw new NotUnderstoodException($"has a {name} that is not a number of bytes");
        return number;
    }

    private static DateTimeOffset? Time(JsonElement item)
    {
        if (Text(item, "timestamp") is not { } text)
            return null;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : throw new NotUnderstoodException("has a timestamp that is no time");
    }

    private static string Short(string? text)
    {
        var clean = new string([.. (text ?? "").Take(100).Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c)]);
        return clean.Length < (text ?? "").Length ? clean + "…" : clean;
    }
}
