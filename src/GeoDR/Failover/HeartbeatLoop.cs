using System.Collections.Concurrent;
using System.Text.Json;
using GeoDR.Audit;
using GeoDR.Configuration;
using GeoDR.Hosting;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.Tokens;

namespace GeoDR.Failover;

/// <summary>Says how this site is to every other that it knows, and hears what they are and which terms they have heard of.</summary>
internal sealed partial class HeartbeatLoop(
    GeoSettings settings, SiteStore sites, SiteBook book, PeerStore peers, TermStore terms, StatusReader status, StartHold hold,
    PeerKeyFiles keys, IServiceProvider services, ILogger<HeartbeatLoop> logger, TimeProvider time) : PassLoop(logger, time)
{
    private const int MostTerms = 10;

    private readonly SiteClient? _client = SiteClient.Of(settings, time);
    private readonly ConcurrentDictionary<string, string> _silent = new();
    private bool _told;

    protected override string Name => "the heartbeat";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        await keys.RefreshAsync(cancel);
        var others = (await book.ListAsync(cancel)).Where(s => s.Name != settings.SiteName && s is { Url: not null, Revoked: false }).ToList();
        if (_client is null || others.Count == 0)
        {
            if (!_told)
                LogMissing(logger, _client is null ? "Geo:Site:KeyFile" : "Geo:Peers:NAME:Url with the other site's URL");
            _told = true;
            Open();
            return false;
        }
        var site = (await sites.ReadAsync(cancel))!;
        var beat = await BeatAsync(site, cancel);
        var answered = await Task.WhenAll(others.Select(o => AskAsync(o, site, beat, cancel)));
        if (answered.All(a => a) || hold.Waited >= settings.Failover.StartHold)
            Open();
        return false;
    }

    protected override Task RestAsync(CancellationToken cancel) =>
        Task.Delay(hold.IsOpen && _silent.IsEmpty ? settings.Failover.Heartbeat : Shorter(settings.Failover.Heartbeat), Time, cancel);

    // Who was silent, and what a start waits for, is asked again soon.
    private TimeSpan Shorter(TimeSpan every) => hold.IsOpen ? Min(every, TimeSpan.FromSeconds(5)) : Min(every, TimeSpan.FromMilliseconds(500));

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private void Open()
    {
        if (hold.IsOpen)
            return;
        if (!_silent.IsEmpty)
            LogOpened(logger, hold.Waited.TotalSeconds, string.Join(", ", _silent.Keys));
        hold.Open();
    }

    private async Task<Heartbeat> BeatAsync(Site site, CancellationToken cancel)
    {
        var s = (await status.ReadAsync(cancel))!;
        return new Heartbeat(
            settings.SiteName, s.Role, settings.SiteUrl?.ToString(), site.IsPrimary ? null : site.Follows ?? settings.PrimaryPeer?.Name, s.Version, s.Cursor?.LogId, s.Cursor?.EventId,
            new Dictionary<string, long>
            {
                ["pending"] = s.Counts.Pending, ["started"] = s.Counts.Started, ["synced"] = s.Counts.Synced, ["failed"] = s.Counts.Failed,
            }, s.Health)
        { Terms = await terms.NewestAsync(cancel), RegistryUrl = SettingsBook.Own(settings).RegistryUrl, Settings = ComparedSettings.Of(settings), Figures = s.ToFigures() };
    }

    private async Task<bool> AskAsync(KnownSite other, Site site, Heartbeat beat, CancellationToken cancel)
    {
        try
        {
            var answer = await _client!.CallAsync<HeartbeatAnswer>(new(other.Name, new Uri(other.Url!)), HttpMethod.Post, "/api/v1/sites/heartbeat", beat, cancel);
            foreach (var signed in answer.Terms?.Take(MostTerms) ?? [])
                if ((await terms.HearAsync(signed, cancel)).Refused is { } refused)
                    LogRefused(logger, other.Name, refused);
            // It could not be told when that promotion was given up.
            if (site.Handover is { } promotion && other.MayPromote && answer.Undone?.Contains(promotion) == true && services.GetService<Handover>() is { } handover)
                LogUndone(logger, promotion, other.Name, (await handover.HandleAsync(new(promotion, Undo: true), AuditWords.Program, cancel)).Refused ?? "clients are let in");
            // Only one's own primary says who the sites are.
            if (!site.IsPrimary && other.Name == beat.Primary && answer.Sites is { Count: > 0 and < 1000 } told)
                await book.TellAllAsync(other.Name, [.. told.Where(t => t.Name != settings.SiteName)], cancel);
            if (answer.Name == other.Name)
                await peers.AnsweredAsync(answer with { Settings = Readiness.SettingsCompared.Take(answer.Settings), Figures = SiteFigures.Take(answer.Figures) }, other.Url, cancel);
            if (!site.IsPrimary && other.Name == beat.Primary && answer.Role != Site.Primary)
                LogNotPrimary(logger, answer.Name, answer.Role);
            if (_silent.TryRemove(other.Name, out _))
                LogAnswers(logger, other.Name);
            return true;
        }
        catch (Exception e) when (e is HttpRequestException or JsonException or UriFormatException || e is OperationCanceledException && !cancel.IsCancellationRequested)
        {
            if (_silent.TryAdd(other.Name, e.Message))
                LogSilent(logger, other.Name, e.Message);
            return false;
        }
    }

    public override void Dispose()
    {
        _client?.Dispose();
        base.Dispose();
    }

    [LoggerMessage(140, LogLevel.Warning, "No heartbeat is sent: {Setting} is missing, so no other site knows how this one is")]
    private static partial void LogMissing(ILogger logger, string setting);

    [LoggerMessage(141, LogLevel.Error, "The site {Name} that this one calls its primary is a {Role}")]
    private static partial void LogNotPrimary(ILogger logger, string name, string role);

    [LoggerMessage(142, LogLevel.Warning, "The site {Name} does not answer: {Reason}")]
    private static partial void LogSilent(ILogger logger, string name, string reason);

    [LoggerMessage(143, LogLevel.Information, "The site {Name} answers again")]
    private static partial void LogAnswers(ILogger logger, string name);

    [LoggerMessage(144, LogLevel.Warning, "The site {Name} tells of a term that does not count here: {Reason}")]
    private static partial void LogRefused(ILogger logger, string name, string reason);

    [LoggerMessage(146, LogLevel.Warning, "The promotion {Promotion} of {Site} was undone: {Outcome}")]
    private static partial void LogUndone(ILogger logger, Guid promotion, string site, string outcome);

    [LoggerMessage(145, LogLevel.Warning, "Opened after {Seconds:0.0} s without a word from {Silent}: if one of them was promoted meanwhile, this primary is fenced as soon as it hears of it")]
    private static partial void LogOpened(ILogger logger, double seconds, string silent);
}
