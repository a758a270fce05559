using System.Text.Json;
using Npgsql;

namespace GeoDR.Lab;

/// <summary>What <c>geodr loss</c> said, and from when on a push may be missing in it.</summary>
/// <param name="Listed">Repository, tag and digest.</param>
/// <param name="Since">The window's beginning; null where nobody can say.</param>
/// <param name="Incomplete">Repositories of which it says itself that what they lack is not listed.</param>
public sealed record LossPreview(IReadOnlySet<(string Repository, string Reference, string? Digest)> Listed, double? Window, DateTimeOffset? Since, long Incomplete)
{
    /// <summary>Of a primary without power: what was read of its log just before may still be taken in meanwhile, then it is asked again.</summary>
    public static async Task<LossPreview> TakeAsync(Site secondary, CancellationToken cancellationToken)
    {
        for (var tries = 5; tries > 0; tries--)
        {
            var read = await ReadAtAsync(secondary, cancellationToken);
            using var said = JsonDocument.Parse((await secondary.Geo.RunAsync(["loss", "--json"], null, cancellationToken)).EnsureSuccess().Output);
            if (await ReadAtAsync(secondary, cancellationToken) == read)
            {
                return Read(said, read);
            }
        }

        throw new LabException("the secondary still reads the log of a primary without power");
    }

    /// <summary>Whether a push is in the list.</summary>
    public bool Names(ClientPush push) => Listed.Contains((push.Repository, push.Tag, push.Digest));

    /// <summary>Whether a push may be missing in the list.</summary>
    public bool Covers(ClientPush push) => Window is null || push.At >= Since;

    private static LossPreview Read(JsonDocument said, DateTimeOffset read)
    {
        var summary = said.RootElement.GetProperty("summary");
        double? window = summary.GetProperty("windowSeconds") is { ValueKind: JsonValueKind.Number } seconds ? seconds.GetDouble() : null;
        // Exactly when it was asked: so many seconds after the log was read last, which was long ago and stays.
        var asked = read.AddSeconds(summary.GetProperty("readSecondsAgo").GetDouble());
        return new(
            said.RootElement.GetProperty("items").EnumerateArray()
                .Select(i => (i.GetProperty("repository").GetString()!, i.GetProperty("reference").GetString()!, i.GetProperty("digest").GetString())).ToHashSet(),
            window, asked.AddSeconds(-window ?? 0), summary.GetProperty("notCompared").GetInt64());
    }

    private static async Task<DateTimeOffset> ReadAtAsync(Site secondary, CancellationToken cancellationToken)
    {
        await using var source = NpgsqlDataSource.Create(secondary.ConnectionString);
        await using var command = source.CreateCommand("select read_at from cursor");
        return new((DateTime)(await command.ExecuteScalarAsync(cancellationToken))!);
    }
}
