using System.Text.Json.Nodes;

namespace GeoDR.Lab.Registries;

/// <summary>Writes what happened as Distribution's events, field by field as the captured ones have them.</summary>
sealed class RegistryEvents(IReadOnlyList<NotificationQueue> queues, TimeProvider time, Func<string> address)
{
    readonly string _instanceId = Guid.NewGuid().ToString();

    public void Blob(RegistryCall call, string action, string digest, long size, string? fromRepository = null)
    {
        var target = Target(call, "application/octet-stream", digest, size, "blobs");
        if (fromRepository is not null)
        {
            target["fromRepository"] = fromRepository;
        }

        Add(call, action, target, []);
    }

    public void Manifest(RegistryCall call, string action, StoredManifest manifest, string? tag)
    {
        var target = Target(call, manifest.MediaType, manifest.Digest, manifest.Bytes.Length, "manifests");
        if (tag is not null)
        {
            target["tag"] = tag;
        }

        Add(call, action, target, manifest.References);
    }

    public void Deleted(RegistryCall call, string? digest, string? tag)
    {
        var target = new JsonObject();
        if (digest is not null)
        {
            target["digest"] = digest;
        }

        target["repository"] = call.Repository;
        if (tag is not null)
        {
            target["tag"] = tag;
        }

        Add(call, "delete", target, []);
    }

    static JsonObject Target(RegistryCall call, string mediaType, string digest, long size, string what) => new()
    {
        ["mediaType"] = mediaType,
        ["size"] = size,
        ["digest"] = digest,
        ["length"] = size,
        ["repository"] = call.Repository,
        ["url"] = $"{call.BaseUrl}/v2/{call.Repository}/{what}/{digest}",
    };

    void Add(RegistryCall call, string action, JsonObject target, IEnumerable<LabDescriptor> references)
    {
        if (queues.Count == 0)
        {
            return;
        }

        var connection = call.Http.Connection;
        var @event = new JsonObject
        {
            ["id"] = Guid.NewGuid().ToString(),
            ["timestamp"] = time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'"),
            ["action"] = action,
            ["target"] = target,
            ["request"] = new JsonObject
            {
                ["id"] = Guid.NewGuid().ToString(),
                ["addr"] = $"{connection.RemoteIpAddress}:{connection.RemotePort}",
                ["host"] = call.Http.Request.Host.ToString(),
                ["method"] = call.Method,
                ["useragent"] = call.Record.UserAgent,
            },
            ["actor"] = call.Record.Actor.Length > 0 ? new JsonObject { ["name"] = call.Record.Actor } : [],
            ["source"] = new JsonObject { ["addr"] = address(), ["instanceID"] = _instanceId },
        };
        foreach (var queue in queues)
        {
            queue.Add(@event, references);
        }
    }
}
