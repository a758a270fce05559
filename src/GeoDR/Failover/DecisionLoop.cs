using GeoDR.Configuration;
using GeoDR.Hosting;
using GeoDR.Registry;
using GeoDR.Selection;
using GeoDR.Sites;
using GeoDR.Sync;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>
/// (primary) Carries out what was decided about divergent tags: takes the content from the site that has it, under its own tag or
/// beside it. The registry's own notification then has it copied to every site.
/// </summary>
internal sealed partial class DecisionLoop(
    GeoSettings settings, SiteWatch watch, SiteStore sites, SiteBook book, DivergentTags divergent, NpgsqlDataSource source, ILogger<DecisionLoop> logger, TimeProvider time)
    : IntervalLoop(TimeSpan.FromSeconds(1), logger, time)
{
    private static readonly TimeSpan s_put = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_again = TimeSpan.FromSeconds(30);

    private long? _triedAgain;

    protected override string Name => "decisions about divergent tags";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        if (watch.Current is not { IsPrimary: true, IsFenced: false } || settings.Registry is null)
            return false;
        var any = false;
        // A registry that was away is soon back; what can never be carried out is told with each `geodr divergent list`.
        var again = _triedAgain is not { } before || Time.GetElapsedTime(before) >= s_again;
        if (again)
            _triedAgain = Time.GetTimestamp();
        foreach (var tag in (await divergent.DecidedAsync(100, cancel)).Where(t => t.Problem is null || again))
        {
            any = true;
            string? problem = null;
            try
            {
                if (tag.Decision != DivergentTags.Drop && !await CopyAsync(tag, cancel))
                    continue;
            }
            catch (Exception e) when (e is RegistryException or WrongContentException or MalformedManifestException or InvalidOperationException or HttpRequestException)
            {
                problem = e.Message;
                LogNot(logger, tag.Decision!, tag.Site, tag.Repository, tag.Tag, e.Message);
            }
            await divergent.DoneAsync(tag, problem, cancel);
        }
        return any;
    }

    /// <summary>The name beside which a tag is kept: of the site that has it.</summary>
    public static string NameAside(DivergentTag tag)
    {
        var name = $"{tag.Tag}-{tag.Site}-{tag.Digest[(tag.Digest.IndexOf(':', StringComparison.Ordinal) + 1)..][..8]}";
        return name.Length <= 128 ? name : name[^128..].TrimStart('.', '-');
    }

    /// <summary>False where the decision does not hold any more: it was made about another content of the primary's tag.</summary>
    private async Task<bool> CopyAsync(DivergentTag tag, CancellationToken cancel)
    {
        using var theirs = await RegistryAsync(tag.Site, cancel);
        using var own = RegistryClients.Build(SyncState.Peers.OwnRegistry, settings.Registry!, settings, Time);
        if (tag.Decision == DivergentTags.Take && (await own.HeadManifestAsync(tag.Repository, tag.Tag, cancel))?.ToString() is var now && now != tag.Other && now != tag.Digest)
        {
            await divergent.MovedAsync(tag, now, cancel);
            return false;
        }
        var (memory, rate) = (new BlobMemory(), new TransferRate());
        var copy = new ImageCopy(
            theirs, own,
            new BlobCopy(theirs, own, memory, new LargeUpload(theirs, own, new UploadStore(source), new NoJournal(), Time), rate, new Bandwidth(settings.Sync.Bandwidth, Time), Time),
            SiteSelection.All, settings.Sync.BlobsPerImage, settings.Sync.CopyForeignLayers);
        var manifest = await theirs.GetManifestAsync(tag.Repository, tag.Digest, cancel)
            ?? throw new InvalidOperationException($"{tag.Site} does not have {tag.Repository}@{tag.Digest} any more");
        await copy.CopyContentAsync(tag.Repository, manifest, new SyncProgress(), cancel);
        await own.PutManifestAsync(tag.Repository, tag.Decision == DivergentTags.Take ? tag.Tag : NameAside(tag), manifest, s_put, cancel);
        return true;
    }

    private async Task<RegistryClient> RegistryAsync(string site, CancellationToken cancel)
    {
        var known = await book.FindAsync(site, cancel);
        var (read, faults) = await Following.ApplyAsync(
            settings with { Role = Site.Primary }, new Site(settings.SiteName, Site.Secondary, false) { Follows = site }, book, cancel);
        return known is { Revoked: false } && faults.Count == 0 ? RegistryClients.Build(SyncState.Peers.PrimaryRegistry, read.PrimaryRegistry!, read, Time, sites: sites)
            : throw new InvalidOperationException(faults.Count > 0 ? faults[0].ToString() : $"the site {site} is not known, or was revoked");
    }

    private sealed class NoJournal : ISyncJournal
    {
        public Task FinishedAsync(SyncState.ClaimedRepository claim, SyncState.RepositoryState state, WorkCost cost) => Task.CompletedTask;

        public Task PeerOutAsync(SyncState.ClaimedRepository claim, string peer, string message, WorkCost cost) => Task.CompletedTask;

        public void LeaseLost(string repository)
        {
        }

        public void BeganAgain(string repository, Digest blob, long lost, string reason)
        {
        }

        public Task BrokeAsync(SyncState.ClaimedRepository claim, Exception exception, WorkCost cost) => Task.CompletedTask;
    }

    [LoggerMessage(252, LogLevel.Warning, "'{Decision}' of {Site}'s {Repository}:{Tag} could not be carried out: {Reason}")]
    private static partial void LogNot(ILogger logger, string decision, string site, string repository, string tag, string reason);
}
