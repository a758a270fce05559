using System.Text;
using GeoDR.EventLog;
using GeoDR.Notifications;
using GeoDR.Selection;
using Npgsql;

namespace GeoDR.Readiness;

/// <summary>
/// Tries what the intake does with a notification, in isolation: a sample is parsed and written into the log's own table, and the
/// transaction is taken back. Nothing reaches the log, and nobody is told; a number of its sequence is left out, as by any crash.
/// </summary>
public sealed class IntakeRehearsal(NpgsqlDataSource source, TimeProvider time)
{
    public async Task<IntakeTrial> TryAsync(CancellationToken cancel)
    {
        var begun = time.GetTimestamp();
        var envelope = NotificationFormats.Parse(NotificationFormats.Distribution, Encoding.UTF8.GetBytes(Sample(Guid.NewGuid(), time.GetUtcNow())));
        if (envelope is not { Events: [_], Problems: [] })
            return new($"a sample notification was not understood: {string.Join("; ", envelope.Problems)}", time.GetElapsedTime(begun).TotalSeconds);
        try
        {
            await new LogAppender(source).RehearseAsync(envelope.Events, cancel);
            return new(null, time.GetElapsedTime(begun).TotalSeconds);
        }
        catch (NpgsqlException e)
        {
            return new($"the log could not be written: {e.Message}", time.GetElapsedTime(begun).TotalSeconds);
        }
    }

    private static string Sample(Guid id, DateTimeOffset at) => $$$"""
        {"events":[{"id":"{{{id}}}","timestamp":"{{{at:O}}}","action":"push","target":{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":2,
        "digest":"sha256:{{{new string('0', 64)}}}","length":2,"repository":"{{{SiteSelection.CanaryRepository}}}","url":"","tag":"drill"},
        "request":{"method":"PUT","useragent":"geodr drill"},"actor":{"name":"geodr drill"},"source":{"addr":"drill","instanceID":"drill"}}]}
        """;
}
