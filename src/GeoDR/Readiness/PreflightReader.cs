using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using GeoDR.Configuration;
using GeoDR.Failover;
using GeoDR.Hosting;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.Tokens;
using Npgsql;

namespace GeoDR.Readiness;

/// <summary>Reads, asks and tries what a promotion of this site would stand on. It changes nothing but the canary.</summary>
/// <param name="settings">With the primary that the site follows now.</param>
internal sealed class PreflightReader(GeoSettings settings, NpgsqlDataSource source, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1, 1);

    /// <summary>Null where this site is no secondary.</summary>
    public async Task<PreflightReport?> ReadAsync(CancellationToken cancel)
    {
        // Two canaries at once would be taken for each other's damage.
        await _one.WaitAsync(cancel);
        try
        {
            return await GatherAsync(cancel) is { } facts ? Preflight.Judge(facts) : null;
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private async Task<PreflightFacts?> GatherAsync(CancellationToken cancel)
    {
        var (sites, book) = (new SiteStore(source), new SiteBook(source));
        if (await new StatusReader(source, time).ReadAsync(cancel) is not { Role: Site.Secondary } status)
            return null;
        var terms = new TermStore(source, book);
        var asked = new SiteQuestions(settings, book, terms, new PeerStore(source), time).AskAsync((await sites.ReadAsync(cancel))!, status, cancel);
        var tried = new CanaryTrial(settings, source, time).RunAsync(cancel);
        await Task.WhenAll(asked, tried);
        // A term that was heard just now counts.
        var site = (await sites.ReadAsync(cancel))!;
        return new(
            site, status, site.Follows ?? settings.PrimaryPeer?.Name, await terms.ListAsync(cancel), await asked, await tried, await RoomReader.ReadAsync(source, time, cancel),
            await PreparedAsync(cancel), ComparedSettings.Of(settings), time.GetUtcNow());
    }

    private async Task<Prepared> PreparedAsync(CancellationToken cancel)
    {
        var admins = (await new UserStore(source).ListAsync(cancel)).Where(u => u.Role == Roles.Admin).Select(u => u.Name).ToList();
        var (tokenFault, ends) = Token();
        return new(
            settings.Secrets.Value.Length, admins, tokenFault, ends, SiteKeyFault(), settings.Failover.MayPromote, settings.Failover.UnfenceCommand.Count > 0,
            settings.Failover.FenceCommand.Count > 0, Partial(), AlertTargets(), !settings.ReconcileIsTheSource);
    }

    private (string? Fault, DateTimeOffset? Ends) Token()
    {
        try
        {
            if (RegistryClients.Signer(settings, time) is null)
                return (null, null);
            if (settings.Tokens.Key?.Fault is { } fault)
                return (fault, null);
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(settings.Tokens.CertificateFile!);
            return (null, chain.Min(c => c.NotAfter).ToUniversalTime());
        }
        catch (Exception e) when (e is TokenKeyException or IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            return (e.Message, null);
        }
    }

    private string? SiteKeyFault()
    {
        if (settings.SiteKeyFile is not { } file)
            return "Geo:Site:KeyFile is not set, and a promotion is signed with the site's key";
        try
        {
            using var key = SiteKey.Load(file);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            return e.Message;
        }
    }

    private List<string> Partial()
    {
        var s = settings.Selection;
        return
        [
            .. new (string Key, bool Given)[]
            {
                ("Geo:Filter:Include", s.Repositories.Include.Count > 0), ("Geo:Filter:Exclude", s.Repositories.Exclude.Count > 0),
                ("Geo:Filter:IncludeTags", s.Tags.Include.Count > 0), ("Geo:Filter:ExcludeTags", s.Tags.Exclude.Count > 0),
                ("Geo:Filter:Platforms", s.Platforms.Count > 0), ("Geo:Filter:Map", !s.Map.IsNone),
            }.Where(f => f.Given).Select(f => f.Key),
        ];
    }

    private List<string> AlertTargets()
    {
        var targets = new List<string>();
        if (settings.Alerts.Webhook is not null)
            targets.Add("webhook");
        if (settings.Alerts.Mail is { } mail)
            targets.Add($"mail by {mail.Host}");
        return targets;
    }
}
