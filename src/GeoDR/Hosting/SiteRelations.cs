using GeoDR.Configuration;
using GeoDR.Registry;
using GeoDR.Sites;
using GeoDR.Status;

namespace GeoDR.Hosting;

/// <summary>
/// What a secondary must not be: a copy of itself, or one of two sites that each call the other primary. Both are only seen
/// by asking; a peer that does not answer proves nothing, and is asked again by <c>geodr check</c>.
/// </summary>
internal static class SiteRelations
{
    /// <summary>The repository that takes what GeoDR writes to try a registry.</summary>
    public const string CanaryRepository = Selection.SiteSelection.CanaryRepository;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    public static async Task<Fault?> FaultAsync(IServiceProvider services, CancellationToken cancel)
    {
        var settings = services.GetRequiredService<GeoSettings>();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(s_patience);
        try
        {
            if (await SameRegistryAsync(services.GetRequiredService<OwnRegistry>().Client, services.GetRequiredService<PrimaryRegistry>().Client, limit.Token))
                return new("Geo:Primary:Registry:Url", "answers with what was just written to Geo:Registry:Url: both are the same registry; name the primary's");
        }
        catch (Exception e) when (e is RegistryException or HttpRequestException or OperationCanceledException && !cancel.IsCancellationRequested)
        {
        }
        try
        {
            using var sender = new HeartbeatSender(settings, services.GetRequiredService<StatusReader>(), TimeProvider.System);
            if (sender.Missing is null
                && await sender.SendAsync(limit.Token) is { Role: Site.Secondary } answer
                && answer.Primary == settings.SiteName)
                return new("Geo:Primary:Url", $"names the site {answer.Name}, which is a secondary itself and calls this site its primary; set Geo:Site:Role of one of them to primary");
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or InvalidOperationException && !cancel.IsCancellationRequested)
        {
        }
        return null;
    }

    /// <summary>Writes a blob that is new to the world to the one and asks the other for it.</summary>
    public static async Task<bool> SameRegistryAsync(RegistryClient own, RegistryClient primary, CancellationToken cancel)
    {
        var bytes = Guid.NewGuid().ToByteArray();
        var digest = Digest.OfSha256(bytes);
        var upload = await own.StartUploadAsync(CanaryRepository, null, cancel);
        await own.CompleteUploadAsync(upload!, digest, new ByteArrayContent(bytes), cancel);
        return await primary.HasBlobAsync(CanaryRepository, digest, cancel);
    }
}
