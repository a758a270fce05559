using GeoDR.Configuration;
using GeoDR.Failover;
using GeoDR.Hosting;
using GeoDR.Registry;
using GeoDR.Sites;
using GeoDR.SyncState;

namespace GeoDR.Cli;

/// <summary>A pull token to try by hand, where the primary grants them.</summary>
internal static class GrantedTokenVerb
{
    public static Task<int> RunAsync(string repository, GeoSettings settings, CancellationToken cancel) => VerbSettings.WithDatabaseAsync(async source =>
    {
        var sites = new SiteStore(source);
        var (known, faults) = await Following.ApplyAsync(settings, await sites.ReadAsync(cancel), new SiteBook(source), cancel);
        if (!VerbSettings.Report(faults))
            return ExitCodes.Settings;
        if (GrantedTokens.Of(Peers.PrimaryRegistry, known, sites, TimeProvider.System) is not { } tokens)
        {
            await Console.Error.WriteLineAsync("The primary is to grant the tokens, and is not known: set Geo:Primary:Url, and join it with `geodr site join` or name it in Geo:Peers.");
            return ExitCodes.Failed;
        }
        try
        {
            Console.WriteLine((await tokens.GetAsync([new Scope(repository, false)], renew: true, cancel))!.Parameter);
            return ExitCodes.Success;
        }
        catch (RegistryException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCodes.Failed;
        }
    });
}
