using GeoDR.Registry;
using GeoDR.Selection;
using GeoDR.SyncState;

namespace GeoDR.Sync;

/// <summary>Says of an exception whose fault it is and whether trying again can help.</summary>
public static class Failures
{
    public static Failure Of(Exception e) => e switch
    {
        ManifestTooLargeException => new(FailureKind.Terminal, "manifest too large", e.Message),
        MalformedManifestException => new(FailureKind.Terminal, "malformed manifest", e.Message),
        NestedTooDeepException => new(FailureKind.Terminal, "nested too deep", e.Message),
        LeftOutException => new(FailureKind.Terminal, "platform left out", e.Message),
        NameTakenException => new(FailureKind.Terminal, "name taken", e.Message),
        SparseIndexException => new(FailureKind.Terminal, "missing at the primary", e.Message),
        WrongContentException => new(FailureKind.Retryable, "wrong content", e.Message),
        RegistryException r => new(KindOf(r), CauseOf(r), r.Message),
        _ => new(FailureKind.Retryable, "unexpected", $"{e.GetType().Name}: {e.Message}"),
    };

    private static FailureKind KindOf(RegistryException e) =>
        (int?)e.Status is 400 or 405 or 406 or 409 or 412 or 413 or 415 or 422 ? FailureKind.Terminal : FailureKind.Retryable;

    private static string CauseOf(RegistryException e) => (int?)e.Status switch
    {
        null => "no answer",
        401 or 403 => "denied",
        404 => e.Registry == Peers.PrimaryRegistry ? "missing at the primary" : "not found",
        409 or 412 => "immutable tag",
        413 => "too large",
        429 => "too many requests",
        >= 500 => "registry error",
        _ => "refused by the registry",
    };
}
