using System.Text.Json;
using GeoDR.EventLog;
using static GeoDR.Notifications.Fields;

namespace GeoDR.Notifications;

/// <summary>
/// Translates the webhooks of Azure Container Registry: one event, shaped like Distribution's, without an envelope. Shapes as in
/// MicrosoftDocs/azure-management-docs, articles/container-registry/container-registry-webhook-reference.md; not tried against the service.
/// </summary>
public static class AcrEnvelope
{
    /// <summary>Sorts one event; never throws on what a sender wrote.</summary>
    public static Envelope Parse(ReadOnlyMemory<byte> body) => ReadBody(body, Sort);

    private static Envelope Sort(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw new NotUnderstoodException("is not an object");
        var action = Text(root, "action") ?? throw new NotUnderstoodException("has no action");
        // Charts of this kind stand in no manifest, and an image in ACR's own quarantine cannot be pulled: its push is told once it can.
        if (action is "ping" or "quarantine" or "chart_push" or "chart_delete")
            return new([], 1, []);
        if (action is not (EventKinds.Push or EventKinds.Delete))
            throw new NotUnderstoodException($"has an unknown action '{Short(action)}'");
        var target = Object(root, "target") ?? throw new NotUnderstoodException("has no target");
        var repository = Repository(Text(target, "repository"));
        var tag = Tag(Text(target, "tag"));
        var digest = DigestText(Text(target, "digest"));
        if (digest is null && action == EventKinds.Push)
            throw new NotUnderstoodException("is a push without a digest");
        // A whole repository was deleted: that is never believed on one word, a comparison lists it.
        if (digest is null && tag is null)
            return new([], 1, []);
        var id = "acr:" + EventId(root);
        if (id.Length > 255)
            throw new NotUnderstoodException("has an id that is too long");
        return new([new NewEvent(
            id, action, repository, tag, digest, Text(target, "mediaType"), Number(target, "size"), null, null,
            null, Text(Object(root, "request"), "useragent"), Time(root, "timestamp"))], 0, []);
    }
}
