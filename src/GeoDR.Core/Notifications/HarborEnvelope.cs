using System.Security.Cryptography;
using System.Text.Json;
using GeoDR.EventLog;
using static GeoDR.Notifications.Fields;

namespace GeoDR.Notifications;

/// <summary>
/// Translates Harbor's webhooks, in its default format and as CloudEvents. Shapes as in goharbor/harbor:
/// src/pkg/notifier/model/event.go, src/pkg/notifier/formats/{default,cloudevents}.go and
/// src/controller/event/handler/webhook/artifact/artifact.go; not tried against a running Harbor.
/// </summary>
public static class HarborEnvelope
{
    private const int MaxProblems = 20;

    private static readonly string[] s_ignored =
    [
        "PULL_ARTIFACT", "SCANNING_", "QUOTA_", "REPLICATION", "TAG_RETENTION", "UPLOAD_CHART", "DOWNLOAD_CHART", "DELETE_CHART", "ARTIFACT_LABELED",
        "harbor.artifact.pulled", "harbor.scan.", "harbor.quota.", "harbor.replication.", "harbor.tag_retention.",
    ];

    /// <summary>What all events of one body have in common.</summary>
    private sealed record Frame(string Id, string Kind, string Repository, string? Actor, DateTimeOffset? At);

    /// <summary>Sorts a webhook's body; never throws on what a sender wrote.</summary>
    public static Envelope Parse(ReadOnlyMemory<byte> body) => ReadBody(body, root => Sort(root, body));

    private static Envelope Sort(JsonElement root, ReadOnlyMemory<byte> body)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw new NotUnderstoodException("is not an object");
        var type = Text(root, "type") ?? throw new NotUnderstoodException("has no type");
        if (KindOf(type) is not { } kind)
            return new([], 1, []);
        var cloud = root.TryGetProperty("specversion", out _);
        var data = Object(root, cloud ? "data" : "event_data") ?? throw new NotUnderstoodException("has no data");
        var frame = new Frame(
            // The default format has no id, and a repeated job sends the same bytes. So two equal events within one second count once:
            // an event is a hint, the registry is read again.
            "harbor:" + (cloud ? EventId(root) : Convert.ToHexStringLower(SHA256.HashData(body.Span))), kind,
            Repository(Text(Object(data, "repository"), "repo_full_name")), Text(root, "operator"), cloud ? Time(root, "time") : OccurredAt(root));
        if (!data.TryGetProperty("resources", out var list) || list.ValueKind != JsonValueKind.Array || list.GetArrayLength() == 0)
            throw new NotUnderstoodException("has no list of resources");
        var (events, problems, index) = (new List<NewEvent>(), new List<string>(), 0);
        foreach (var resource in list.EnumerateArray())
        {
            try
            {
                events.AddRange(Translate(frame, resource, index));
            }
            catch (Exception e) when (e is NotUnderstoodException or InvalidOperationException)
            {
                if (problems.Count < MaxProblems)
                    problems.Add($"resource {index}: {Short(e.Message)}");
            }
            index++;
        }
        return new Envelope(events, 0, problems);
    }

    /// <summary>Null for what is understood and of no use.</summary>
    private static string? KindOf(string type) => type switch
    {
        "PUSH_ARTIFACT" or "harbor.artifact.pushed" or "CREATE_TAG" or "harbor.tag.created" => EventKinds.Push,
        "DELETE_ARTIFACT" or "harbor.artifact.deleted" => EventKinds.Delete,
        _ when s_ignored.Any(i => type.StartsWith(i, StringComparison.Ordinal)) => null,
        _ => throw new NotUnderstoodException($"has an unknown type '{Short(type)}'"),
    };

    private static List<NewEvent> Translate(Frame frame, JsonElement resource, int index)
    {
        if (resource.ValueKind != JsonValueKind.Object)
            throw new NotUnderstoodException("is not an object");
        var digest = DigestText(Text(resource, "digest"));
        // Harbor writes the digest where there is no tag.
        var named = Text(resource, "tag");
        var tag = named is not null && named.Contains(':', StringComparison.Ordinal) ? null : Tag(named);
        digest ??= tag is null ? DigestText(named) : null;
        if (digest is null && (tag is null || frame.Kind == EventKinds.Push))
            throw new NotUnderstoodException(frame.Kind == EventKinds.Push ? "is a push without a digest" : "is a delete of neither a tag nor a digest");
        if (frame.Kind == EventKinds.Push)
            return [New(frame, $"{index}", tag, digest)];
        // What is deleted is the artifact with all its tags, of which Harbor names one: as Distribution does, the digest is one
        // event, the tag another.
        var events = new List<NewEvent>();
        if (digest is not null)
            events.Add(New(frame, $"{index}", null, digest));
        if (tag is not null)
            events.Add(New(frame, $"{index}:tag", tag, null));
        return events;
    }

    private static NewEvent New(Frame frame, string part, string? tag, string? digest)
    {
        var id = $"{frame.Id}/{part}";
        return id.Length > 255 ? throw new NotUnderstoodException("has an id that is too long")
            : new(id, frame.Kind, frame.Repository, tag, digest, null, null, null, null, frame.Actor, null, frame.At);
    }

    private static DateTimeOffset? OccurredAt(JsonElement root)
    {
        if (!root.TryGetProperty("occur_at", out var value) || value.ValueKind == JsonValueKind.Null)
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var seconds) && seconds is >= 0 and < 253_402_300_800
            ? DateTimeOffset.FromUnixTimeSeconds(seconds) : throw new NotUnderstoodException("has an occur_at that is no time");
    }
}
