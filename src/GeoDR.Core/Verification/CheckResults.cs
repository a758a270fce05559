using GeoDR.SyncState;
using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Verification;

/// <summary>Writes what a check came to: the row, the damage that is open, and the order to fetch it again.</summary>
public sealed class CheckResults(NpgsqlDataSource source)
{
    /// <summary>Above this a full sync fetches what many waiting references would.</summary>
    private const int MostReferences = 500;

    private static readonly TimeSpan s_retry = TimeSpan.FromMinutes(10);

    private sealed record Open(long Id, string Subject, int Tries);

    /// <summary>Ends a check. What the sync changed meanwhile, or is about to change, is no finding.</summary>
    /// <returns>The state it went to; null when the claim was lost and nothing was written.</returns>
    public async Task<VerificationState?> FinishAsync(ClaimedCheck claim, CheckResult result, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        // The sync ends its work in the same order: first the repository's row, then this one.
        await ExecuteAsync(connection, "select from repository where id = $1 for update", cancel, Value(claim.Id));
        await using (var held = Command(connection, "select from verification where repository_id = $1 and claim_token = $2 and state = 1 for update", Value(claim.Id), Value(claim.Token)))
        await using (var row = await held.ExecuteReaderAsync(cancel))
            if (!await row.ReadAsync(cancel))
                return null;
        var waiting = await WaitingAsync(connection, claim, cancel);
        var kept = await KeptAsync(connection, claim, result.Findings, waiting, cancel);
        var open = await OpenAsync(connection, claim, cancel);
        var ordered = new List<(string Reference, string? Digest)>();
        foreach (var (finding, under) in kept)
            if (await NoteAsync(connection, claim, finding, under, open.GetValueOrDefault(finding.Subject), cancel))
                ordered.Add((under.Reference, under.Digest));
        // What was looked at and is well, or what nothing refers to any more, not even what waits. What was dropped above stays as it was.
        var bad = result.Findings.Select(f => f.Subject).ToHashSet(StringComparer.Ordinal);
        var well = open.Values
            .Where(o => !bad.Contains(o.Subject) && (result.Looked.Contains(o.Subject) || claim.Scope != CheckScope.Changed && waiting.Count == 0))
            .Select(o => o.Id).ToArray();
        await ExecuteAsync(connection, "update damage set healed_at = clock_timestamp(), ordered = false where id = any ($1)", cancel, Value(well));
        await ExecuteAsync(connection, "delete from manifest where repository = $1 and digest = any ($2)", cancel, Value(claim.Name), Value(result.Gone.ToArray()));
        await OrderAsync(connection, claim, [.. ordered.Distinct()], cancel);
        var failure = await WordsAsync(connection, claim, cancel);
        var state = await EndAsync(connection, claim, result, failure, ordered.Count > 0, cancel);
        await transaction.CommitAsync(cancel);
        return state;
    }

    /// <summary>The check itself could not be done: the row says why, and is tried again.</summary>
    public async Task BrokeAsync(ClaimedCheck claim, string why, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            update verification set state = case when again then 0 else 3 end, worker_id = null, wish = greatest(wish, doing), failure = $3,
                retry_at = clock_timestamp() + $4, asked_at = case when wish > 0 then asked_at end, slice_open = slice_open and wish > 0
            where repository_id = $1 and claim_token = $2 and state = 1
            """);
        command.Parameters.AddRange(new NpgsqlParameter[] { Value(claim.Id), Value(claim.Token), Text($"could not be checked: {why}"), Value(s_retry) });
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static async Task<HashSet<string>> WaitingAsync(NpgsqlConnection connection, ClaimedCheck claim, CancellationToken cancel)
    {
        var waiting = new HashSet<string>(StringComparer.Ordinal);
        await using var command = Command(connection, "select reference from waiting_reference where repository_id = $1", Value(claim.Id));
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            waiting.Add(row.GetString(0));
        return waiting;
    }

    // A finding stands where one of the tags it hangs under is as it was when the check began, and nothing waits for it.
    private static async Task<List<(Finding Finding, FoundUnder Under)>> KeptAsync(
        NpgsqlConnection connection, ClaimedCheck claim, IReadOnlyList<Finding> findings, HashSet<string> waiting, CancellationToken cancel)
    {
        var tags = new Dictionary<string, string>(StringComparer.Ordinal);
        var asked = findings.SelectMany(f => f.Under).Select(u => u.Reference).Distinct().ToArray();
        await using (var command = Command(connection, "select name, digest from tag where repository = $1 and name = any ($2)", Value(claim.Name), Value(asked)))
        await using (var row = await command.ExecuteReaderAsync(cancel))
            while (await row.ReadAsync(cancel))
                tags[row.GetString(0)] = row.GetString(1);
        return [.. findings
            .Select(f => (f, f.Under.FirstOrDefault(u => !waiting.Contains(u.Reference) && (u.Reference == u.Digest || tags.GetValueOrDefault(u.Reference) == u.Digest))))
            .Where(f => f.Item2 is not null).Select(f => (f.f, f.Item2!))];
    }

    private static async Task<Dictionary<string, Open>> OpenAsync(NpgsqlConnection connection, ClaimedCheck claim, CancellationToken cancel)
    {
        var open = new Dictionary<string, Open>(StringComparer.Ordinal);
        await using var command = Command(connection, "select id, subject, tries from damage where repository_id = $1 and healed_at is null", Value(claim.Id));
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            open[row.GetString(1)] = new(row.GetInt64(0), row.GetString(1), row.GetInt32(2));
        return open;
    }

    /// <summary>Notes a finding; true where it is to be fetched again.</summary>
    private static async Task<bool> NoteAsync(
        NpgsqlConnection connection, ClaimedCheck claim, Finding finding, FoundUnder under, Open? before, CancellationToken cancel)
    {
        var tries = before?.Tries ?? 0;
        var order = tries < DamageWords.MostTries(finding.Kind);
        await ExecuteAsync(connection, """
            insert into damage as d (repository_id, subject, kind, detail, reference, tries, ordered) values ($1, $2, $3, $4, $5, $6, $7)
            on conflict (repository_id, subject) where healed_at is null do update set
                kind = excluded.kind, detail = excluded.detail, reference = excluded.reference, tries = excluded.tries, ordered = excluded.ordered,
                seen_at = clock_timestamp()
            """, cancel,
            Value(claim.Id), Value(finding.Subject), Value(DamageWords.Of(finding.Kind)), Text(finding.Detail), Value(under.Reference),
            Value(order ? tries + 1 : tries), Value(order));
        return order;
    }

    /// <summary>
    /// The ordinary sync copies again: the inventory forgets the tags, and they wait. A claim that runs now trusts what it
    /// remembers, so it does not take them; the next one sees the open damage and trusts nothing.
    /// </summary>
    private static async Task OrderAsync(NpgsqlConnection connection, ClaimedCheck claim, List<(string Reference, string? Digest)> ordered, CancellationToken cancel)
    {
        if (ordered.Count == 0)
            return;
        var references = ordered.Select(o => o.Reference).Distinct().Order(StringComparer.Ordinal).ToArray();
        await ExecuteAsync(connection, "delete from tag where repository = $1 and name = any ($2)", cancel, Value(claim.Name), Value(references));
        await ExecuteAsync(connection, "delete from manifest where repository = $1 and digest = any ($2)", cancel,
            Value(claim.Name), Value(ordered.Select(o => o.Digest).OfType<string>().ToArray()));
        var full = references.Length > MostReferences;
        if (!full)
            await ExecuteAsync(connection, """
                insert into waiting_reference as w (repository_id, reference, event_id, claim_token, taken_event)
                select r.id, reference, 0, case when r.state = 1 then r.claim_token end, 0 from repository r, unnest($2) as n(reference) where r.id = $1
                on conflict (repository_id, reference) do update set not_before = least(w.not_before, clock_timestamp()), failed = false
                """, cancel, Value(claim.Id), Value(references));
        await ExecuteAsync(connection, $"""
            update repository set retry_at = null, retry_count = 0,
                full_wanted = case when $2 then nextval('claim_token') + 1 else full_wanted end,
                full_not_before = case when $2 then null else full_not_before end,
                priority = case when state in (2, 3) then {Transition.Backfill} else priority end,
                pending_since = case when state in (2, 3) then clock_timestamp() else pending_since end,
                state = case when state = 1 then 1 else 0 end
            where id = $1
            """, cancel, Value(claim.Id), Value(full));
        await ExecuteAsync(connection, $"notify {Marking.Channel}", cancel);
    }

    /// <summary>What is still open, in a sentence; null when nothing is.</summary>
    private static async Task<string?> WordsAsync(NpgsqlConnection connection, ClaimedCheck claim, CancellationToken cancel)
    {
        await using var command = Command(connection, """
            select kind, subject, reference, detail, ordered, count(*) over () from damage where repository_id = $1 and healed_at is null
            order by ordered, id limit 1
            """, Value(claim.Id));
        await using var row = await command.ExecuteReaderAsync(cancel);
        if (!await row.ReadAsync(cancel))
            return null;
        var first = $"{row.GetString(3)}; {DamageWords.Advice(row.GetString(0), row.GetString(1), row.GetBoolean(4), claim.Name)}";
        var more = row.GetInt64(5) - 1;
        return more == 0 ? first : $"{first} (and {more} more)";
    }

    private static async Task<VerificationState> EndAsync(
        NpgsqlConnection connection, ClaimedCheck claim, CheckResult result, string? failure, bool healing, CancellationToken cancel)
    {
        await using var command = Command(connection, """
            update verification set state = case when again then 0 when $3::text is null then 2 else 3 end, worker_id = null, failure = $3, healing = $4,
                asked_at = case when wish > 0 then asked_at end, slice_open = slice_open and wish > 0, checked_from = began_at, checked_at = clock_timestamp(),
                kind = case when doing = 2 then 'deep' else 'shallow' end,
                whole_at = case when doing >= 1 then began_at else whole_at end,
                deep_at = case when doing = 2 then began_at else deep_at end, deep_from = case when doing = 2 then began_at else deep_from end,
                tags = $5, manifests = $6, blobs = $7, bytes = $8, requests = $9
            where repository_id = $1 and claim_token = $2 returning state
            """,
            Value(claim.Id), Value(claim.Token), Text(failure), Value(healing), Value(result.Counts.Tags), Value(result.Counts.Manifests),
            Value(result.Counts.Blobs), Value(result.Counts.Bytes), Value(result.Counts.Requests));
        return (VerificationState)(short)(await command.ExecuteScalarAsync(cancel))!;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancel, params NpgsqlParameter[] parameters)
    {
        await using var command = Command(connection, sql, parameters);
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params NpgsqlParameter[] parameters)
    {
        var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(parameters);
        return command;
    }

    private static NpgsqlParameter<T> Value<T>(T value) => new() { TypedValue = value };

    private static NpgsqlParameter Text(string? text) =>
        new() { Value = (object?)text?.Replace("\0", "", StringComparison.Ordinal) ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };
}
