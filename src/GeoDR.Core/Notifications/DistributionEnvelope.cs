using System.Text.Json;
using GeoDR.EventLog;
using GeoDR.Registry;
using static GeoDR.Notifications.Fields;

namespace GeoDR.Notifications;

/// <summary>
/// Translates the notification envelope of CNCF Distribution 2.x and 3.x ("Work with notifications", section Envelope).
/// 3.x writes empty strings where 2.x leaves a field out, so empty counts as absent.
/// </summary>
public static class DistributionEnvelope
{
    private const int MaxProblems = 20;

    /// <summary>Sorts an envelope; never throws on what a sender wrote.</summary>
    public static Envelope Parse(ReadOnlyMemory<byte> body) => ReadBody(body, Sort);

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
        var repository = Repository(Text(target, "repository"));
        var tag = Tag(Text(target, "tag"));
        var digest = DigestText(Text(target, "digest"));
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
            id, action, repository, tag, digest, mediaType, Number(target, "size"), Bytes(target),
            Text(Object(item, "source"), "instanceID"), Text(Object(item, "actor"), "name"),
            Text(Object(item, "request"), "useragent"), Time(item, "timestamp"));
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
}
