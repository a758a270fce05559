using System.Text.Json;
using GeoDR.EventLog;
using static GeoDR.Notifications.Fields;

namespace GeoDR.Notifications;

/// <summary>
/// Translates zot's events: CloudEvents in structured form (its HTTP sink sends the binary form, which <see cref="CloudEvent"/> turns
/// into this one). Shapes as in project-zot/zot: pkg/extensions/events/{common,builder,events,http_sink}.go, with the settable
/// type prefix and the actor and request of its later versions; not tried against a running zot.
/// </summary>
public static class ZotEnvelope
{
    /// <summary>Sorts one event; never throws on what a sender wrote.</summary>
    public static Envelope Parse(ReadOnlyMemory<byte> body) => ReadBody(body, Sort);

    private static Envelope Sort(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw new NotUnderstoodException("is not an object");
        var type = Text(root, "type") ?? throw new NotUnderstoodException("has no type");
        // The part before is the operator's to set (typePrefix).
        if (type.EndsWith(".repository.created", StringComparison.Ordinal) || type.EndsWith(".image.lint_failed", StringComparison.Ordinal))
            return new([], 1, []);
        var kind = type.EndsWith(".image.updated", StringComparison.Ordinal) ? EventKinds.Push
            : type.EndsWith(".image.deleted", StringComparison.Ordinal) ? EventKinds.Delete
            : throw new NotUnderstoodException($"has an unknown type '{Short(type)}'");
        var data = Object(root, "data") ?? throw new NotUnderstoodException("has no data");
        var repository = Repository(Text(data, "name"));
        var digest = DigestText(Text(data, "digest"));
        // A tag, or a digest where the request named one.
        var reference = Text(data, "reference");
        var tag = reference is not null && reference.Contains(':', StringComparison.Ordinal) ? null : Tag(reference);
        if (tag is null && reference is not null)
            digest = DigestText(reference);
        if (digest is null && (tag is null || kind == EventKinds.Push))
            throw new NotUnderstoodException(kind == EventKinds.Push ? "is a push without a digest" : "is a delete of neither a tag nor a digest");
        var id = "zot:" + EventId(root);
        if (id.Length > 255)
            throw new NotUnderstoodException("has an id that is too long");
        return new([new NewEvent(
            id, kind, repository, tag, digest, Text(data, "mediaType"), null, null, null,
            Text(Object(data, "actor"), "name"), Agent(Object(data, "request")), Time(root, "time"))], 0, []);
    }

    private static string? Agent(JsonElement? request) => Text(request, "useragent") ?? Text(request, "userAgent");
}
