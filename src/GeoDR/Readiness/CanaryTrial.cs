using GeoDR.Cli;
using GeoDR.Configuration;
using GeoDR.Failover;
using GeoDR.Hosting;
using GeoDR.Registry;
using Npgsql;

namespace GeoDR.Readiness;

/// <summary>Pushes a canary into this site's registry, reads it back, and waits until the registry told GeoDR of it.</summary>
internal sealed class CanaryTrial(GeoSettings settings, NpgsqlDataSource source, TimeProvider time)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(100);

    public async Task<CanaryOutcome> RunAsync(CancellationToken cancel)
    {
        if (settings.Registry is not { } registry)
            return new("Geo:Registry is not set", "set Geo:Registry:Url to this site's registry", null, 0);
        using var client = RegistryClients.Build(SyncState.Peers.OwnRegistry, registry, settings, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(s_patience);
        var begun = time.GetTimestamp();
        string digest;
        try
        {
            digest = (await Canary.PushAsync(client, limit.Token)).ToString();
        }
        catch (Exception e) when (e is RegistryException or WrongContentException)
        {
            return new(e.Message, e is RegistryException r ? RegistryMend.Of(r, "Geo:Registry", registry, client.Challenge) : null, null, 0);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return new($"the registry did not take a push and give it back within {s_patience.TotalSeconds:0} s", $"see the registry's own log; Geo:Registry:Url is {registry.Url}", null, s_patience.TotalSeconds);
        }
        return await WaitAsync(digest, begun, cancel);
    }

    private async Task<CanaryOutcome> WaitAsync(string digest, long begun, CancellationToken cancel)
    {
        var (notices, pushed) = (new CanaryNotices(source), time.GetTimestamp());
        while (time.GetElapsedTime(pushed) < s_patience)
        {
            if (await notices.CameAsync(SiteRelations.CanaryRepository, digest, cancel))
                return new(null, null, true, time.GetElapsedTime(begun).TotalSeconds);
            await Task.Delay(s_look, time, cancel);
        }
        return new(null, null, await ServesAsync(cancel) ? false : null, s_patience.TotalSeconds);
    }

    /// <summary>Whether this site's GeoDR listens: without it nobody could have been told.</summary>
    private async Task<bool> ServesAsync(CancellationToken cancel)
    {
        if (settings.SiteUrl is not { } url)
            return false;
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(3) };
        try
        {
            using var answer = await http.GetAsync(new Uri(url, "/healthz/live"), cancel);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException || e is OperationCanceledException && !cancel.IsCancellationRequested)
        {
            return false;
        }
    }
}
