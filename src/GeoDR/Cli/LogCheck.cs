using System.Net;
using GeoDR.Configuration;
using GeoDR.EventLog;
using GeoDR.Sites;

namespace GeoDR.Cli;

/// <summary>Whether the primary's log can be read over HTTPS: by reading its head, signed as the tailer signs.</summary>
internal static class LogCheck
{
    private const string Name = "primary's log";

    public static async Task RunAsync(GeoSettings settings, Action<CheckLine> add, Action<string, TimeSpan> clock, CancellationToken cancel)
    {
        var (url, peer) = (settings.PrimaryLogUrl!, settings.PrimaryLogPeer!);
        using var client = SiteClient.Of(settings, TimeProvider.System)!;
        var log = new HttpLogReader(client, new(peer.Name, url), TimeProvider.System);
        try
        {
            add(await log.HeadAsync(cancel) is { } head
                ? new(Name, "pass", $"{peer.Name} answers; its newest event is {head.EventId}", null)
                : new(Name, "fail", $"{peer.Name} has no log", $"name the primary in Geo:Primary:Log ({url.Authority}), and run `geodr serve` there"));
        }
        catch (UnknownLogVersionException e)
        {
            add(new(Name, "fail", e.Message, "install the primary's version of GeoDR here"));
        }
        catch (HttpRequestException e)
        {
            add(new(Name, "fail", e.Message, MendOf(e, settings.SiteName, peer.Name)));
        }
        if (client.ServerTime is { } there)
            clock(Name, TimeProvider.System.GetUtcNow() - there);
    }

    private static string MendOf(HttpRequestException e, string here, string peer) => e switch
    {
        { StatusCode: HttpStatusCode.Unauthorized } =>
            $"at the primary, set Geo:Peers:{here}:PublicKeyFile to this site's public key; here, {peer} must be the primary's Geo:Site:Name; the clocks must agree",
        { StatusCode: HttpStatusCode.NotFound } => "Geo:Primary:Log must be the URL of the primary's GeoDR, of a version that serves its log",
        { StatusCode: HttpStatusCode.ServiceUnavailable } => "see to the primary's database",
        { HttpRequestError: HttpRequestError.SecureConnectionError } => "set Geo:Primary:CaFile to the authority that signed the primary's certificate, in PEM, and write the name that it is for in Geo:Primary:Log",
        _ => "check the host and port of Geo:Primary:Log, and that `geodr serve` runs there",
    };
}
