using GeoDR.Registry;
using GeoDR.Sync;

namespace GeoDR.Hosting;

/// <summary>The primary's registry, read only.</summary>
internal sealed record PrimaryRegistry(RegistryClient Client);

/// <summary>This site's registry.</summary>
internal sealed record OwnRegistry(RegistryClient Client);

/// <summary>One probe for each registry.</summary>
internal sealed record Probes(PeerProbe Primary, PeerProbe Own);

/// <summary>The primary's inventory, where its registry has no catalog; null when it cannot be had.</summary>
internal interface IInventorySource
{
    Task<IReadOnlyList<string>?> NamesAsync(string after, CancellationToken cancel);
}
