using GeoDR.EventLog;

namespace GeoDR.Core.Tests.EventLog;

/// <summary>Events for tests.</summary>
internal static class Events
{
    public const string Digest = "sha256:c11aaad5428a9925bd0ff43e52cee265878e5617aaf38f8b71d2e0c84de48815";

    public static NewEvent Push(string repository, string? tag, string? id = null, string digest = Digest, long? bytes = 100) =>
        New(EventKinds.Push, repository, tag, digest, id, bytes);

    public static NewEvent Delete(string repository, string? tag, string? digest = null) => New(EventKinds.Delete, repository, tag, digest, null, null);

    public static IReadOnlyList<NewEvent> Many(string repository, int count) => [.. Enumerable.Range(0, count).Select(i => Push(repository, $"t{i}"))];

    private static NewEvent New(string kind, string repository, string? tag, string? digest, string? id, long? bytes) => new(
        id ?? Guid.NewGuid().ToString(), kind, repository, tag, digest, "application/vnd.oci.image.manifest.v1+json", 10, bytes, "instance", "actor", "agent", null);
}
