using GeoDR.Audit;
using Npgsql;

namespace GeoDR.Sites;

/// <summary>What the database says this site is; the settings only say what it begins as.</summary>
public sealed record Site(string Name, string Role, bool Paused)
{
    public const string Primary = "primary";
    public const string Secondary = "secondary";

    /// <summary>The channel on which a changed role, term or fence is told.</summary>
    public const string Channel = "geo_site";

    public bool IsPrimary => Role == Primary;

    /// <summary>A primary's own term, a secondary's primary's; 0 before any is known.</summary>
    public long Epoch { get; init; }

    public Guid? Promotion { get; init; }

    /// <summary>(secondary) The primary it follows since a change; null for the settings' one.</summary>
    public string? Follows { get; init; }

    /// <summary>(secondary) Nothing is copied or deleted until what it holds was compared with its new primary.</summary>
    /// <value>"registry" or "inventory", by what it is compared; null when it is not.</value>
    public string? Comparing { get; init; }

    /// <summary>(primary) The planned promotion that its clients are fenced for.</summary>
    public Guid? Handover { get; init; }

    /// <summary>The site whose term is newer than this site's own; null when none is.</summary>
    public string? NewerSite { get; init; }

    /// <summary>The epoch of <see cref="NewerSite"/>'s term.</summary>
    public long NewerEpoch { get; init; }

    /// <summary>Another site that was promoted in this site's own epoch: an operator has to choose.</summary>
    public string? Rival { get; init; }

    /// <summary>(primary) A newer term exists, or a rival: what it is told goes into no log, and it grants nothing.</summary>
    public bool IsFenced => IsPrimary && (NewerSite ?? Rival) is not null;

    /// <summary>What a running program is composed for: another one is composed anew.</summary>
    public (string Role, string? Follows) Part => (Role, Follows);
}

/// <summary>The site's own row.</summary>
public sealed class SiteStore(NpgsqlDataSource source)
{
    /// <summary>Writes the row at the first start; afterwards the stored role wins over the settings.</summary>
    public async Task<Site> EnsureAsync(string name, string role, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("insert into site (name, role) values ($1, $2) on conflict (only_row) do update set name = excluded.name");
        command.Parameters.Add(new() { Value = name });
        command.Parameters.Add(new() { Value = role });
        await command.ExecuteNonQueryAsync(cancel);
        return (await ReadAsync(cancel))!;
    }

    /// <summary>Null before the first start.</summary>
    public async Task<Site?> ReadAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select s.name, s.role, s.paused, own.epoch, own.promotion, s.follows, s.comparing, s.handover, newer.site, newer.epoch, rival.site
            from site s left join term own on own.promotion = s.term
            left join lateral (
                select t.site, t.epoch from term t
                where t.rejected is null and t.epoch > coalesce(own.epoch, 0) and t.promotion is distinct from own.promotion
                order by t.epoch desc limit 1) newer on true
            left join lateral (
                select t.site from term t
                where t.rejected is null and t.epoch = own.epoch and t.promotion <> own.promotion limit 1) rival on true
            """);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel) ? new Site(reader.GetString(0), reader.GetString(1), reader.GetBoolean(2))
        {
            Epoch = reader.IsDBNull(3) ? 0 : reader.GetInt64(3), Promotion = reader.IsDBNull(4) ? null : reader.GetGuid(4),
            Follows = Text(reader, 5), Comparing = Text(reader, 6), Handover = reader.IsDBNull(7) ? null : reader.GetGuid(7),
            NewerSite = Text(reader, 8), NewerEpoch = reader.IsDBNull(9) ? 0 : reader.GetInt64(9), Rival = Text(reader, 10),
        } : null;
    }

    /// <summary>Holds the sync, or lets it go on. What has begun is finished; the log is followed all the same.</summary>
    /// <param name="who">For the audit log.</param>
    public async Task PauseAsync(bool paused, string who, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("update site set paused = $1") { Parameters = { new() { Value = paused } } },
                new("insert into audit (who, what, reference, address) select $1, $2, name, $3 from site")
                { Parameters = { new() { Value = who }, new() { Value = paused ? AuditWords.Paused : AuditWords.Resumed }, AuditOrigin.Parameter() } },
                new($"notify {SyncState.Marking.Channel}"),
            },
        };
        await batch.ExecuteNonQueryAsync(cancel);
    }

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
