using System.Globalization;
using System.Text.Json;
using GeoDR.EventLog;
using GeoDR.Registry;

namespace GeoDR.Sites;

/// <summary>
/// Reads a site's log from its GeoDR, by signed calls that wait there for news. An answer that is not wholly understood is refused, never
/// taken in part; one of another version stops the reader.
/// </summary>
internal sealed class HttpLogReader(SiteClient client, SiteAddress site, TimeProvider time) : ILogReader, IDisposable
{
    // A thousand of the longest events.
    private const int MaxAnswer = 4 * 1024 * 1024;

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true };
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(3650);

    // A peer that does not wait as it was asked to is not asked without a pause.
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    /// <summary>How long an answer may take beyond the wait that was asked for.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);

    /// <inheritdoc/>
    public async Task<LogPage?> ReadAsync(long fromId, int limit, TimeSpan wait, CancellationToken cancel)
    {
        var asked = time.GetTimestamp();
        var seconds = Math.Clamp((int)Math.Ceiling(wait.TotalSeconds), 0, LogAnswer.MaxWaitSeconds);
        var answer = await AskAsync(string.Create(CultureInfo.InvariantCulture, $"?after={fromId}&limit={limit}&wait={seconds}"), seconds, cancel);
        if (answer.Log is not { } log)
            return null;
        var last = Math.Max(fromId, 1) - 1;
        if (answer.Events.Count > limit)
            throw Refuse($"{answer.Events.Count} events where {limit} were asked for");
        foreach (var e in answer.Events)
        {
            // Of a list's items JSON's reader holds back no null.
            if (e is null)
                throw Refuse("an event that is null");
            if (e.Id <= last)
                throw Refuse($"the event {e.Id} behind {last}");
            if (Fault(e) is { } fault)
                throw Refuse($"the event {e.Id} {fault}");
            last = e.Id;
        }
        if (log.Floor < 0 || log.Head < last && answer.Events.Count > 0 || log.Id == Guid.Empty)
            throw Refuse("a log that cannot be");
        var waited = Seconds(answer.Waited);
        var elapsed = time.GetElapsedTime(asked);
        if (wait > TimeSpan.Zero && elapsed < s_pause && last <= fromId)
            await Task.Delay(s_pause - elapsed, time, cancel);
        return new LogPage(new(log.Id, log.Floor, log.Head, Seconds(log.Beat)), [.. answer.Events.Select(Event)]) { Waited = waited < elapsed ? waited : elapsed };
    }

    /// <inheritdoc/>
    public async Task<LogPosition?> PositionBeforeAsync(TimeSpan age, CancellationToken cancel)
    {
        var seconds = (long)Math.Ceiling(Math.Max(0, age.TotalSeconds));
        var answer = await AskAsync(string.Create(CultureInfo.InvariantCulture, $"?before={seconds}"), 0, cancel);
        return answer.Position is not { } p ? null : p.Id >= 0 ? new LogPosition(p.Log, p.Id, p.Key) : throw Refuse("a position that cannot be");
    }

    /// <inheritdoc/>
    public Task<LogPosition?> HeadAsync(CancellationToken cancel) => PositionBeforeAsync(TimeSpan.Zero, cancel);

    public void Dispose() => client.Dispose();

    private async Task<LogAnswer> AskAsync(string query, int wait, CancellationToken cancel)
    {
        var bytes = await client.SendAsync(
            site, HttpMethod.Get, LogAnswer.Path, query, [], Patience + TimeSpan.FromSeconds(wait), MaxAnswer, cancel);
        if (Version(bytes) is { } version && version != LogReader.KnownVersion)
            throw new UnknownLogVersionException(version, LogReader.KnownVersion);
        return SiteClient.Read<LogAnswer>(site, LogAnswer.Path, bytes, s_json);
    }

    // Alone, before all else: of another version nothing else is known.
    private static int? Version(byte[] answer)
    {
        try
        {
            using var json = JsonDocument.Parse(answer);
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("version", out var version)
                && version.ValueKind == JsonValueKind.Number && version.TryGetInt32(out var number) ? number : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // A kind that is not known is the tailer's matter, which stops there.
    private static string? Fault(LogAnswerEvent e) =>
        e.Kind.Length is 0 or > 63 || e.Kind.Any(char.IsControl) ? "is of a kind that cannot be"
        : e.Kind is not (EventKinds.Push or EventKinds.Delete) ? null
        : !OciNames.IsRepository(e.Repository) ? "names no repository"
        : e.Tag is not null && !OciNames.IsTag(e.Tag) ? "names no tag"
        : e.Digest is not null && !Digest.TryParse(e.Digest, out _) ? "names no digest"
        : e.Tag is null && e.Digest is null ? "names neither a tag nor a digest"
        : e.Bytes < 0 ? "has a size below zero"
        : null;

    private static LoggedEvent Event(LogAnswerEvent e) =>
        new(e.Id, e.Key, e.Kind, e.Repository, e.Tag, e.Digest, e.MediaType, e.Bytes, Seconds(e.Age)) { Late = e.Late is { } late ? Seconds(late) : null };

    private static TimeSpan Seconds(double seconds) => double.IsNaN(seconds) ? TimeSpan.Zero : TimeSpan.FromSeconds(Math.Clamp(seconds, 0, s_longest.TotalSeconds));

    private HttpRequestException Refuse(string what) => new($"{site.Url}: {LogAnswer.Path} answered {what}; nothing of it was taken");
}
