using GeoDR.SyncState;
using Npgsql;

namespace GeoDR.Verification;

/// <summary>
/// Applies requests for checks of many repositories: marks the rows in small batches, by the moment at which it was asked for, and ends the
/// request when none of them waits any more.
/// </summary>
public sealed class VerifyRequests(NpgsqlDataSource source)
{
    /// <summary>One step.</summary>
    /// <returns>Whether there may be more to mark at once; false while the checks themselves run.</returns>
    public async Task<bool> ApplyAsync(Request request, int batch, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (!await Requests.LockAsync(connection, request, cancel))
            return false;
        var marking = request.Position != Requests.AllMarked;
        if (marking)
        {
            var ids = await NextAsync(connection, request, batch, cancel);
            await MarkAsync(connection, request, ids, cancel);
            var end = ids.Length < batch;
            await Requests.MoveAsync(connection, request, end ? Requests.AllMarked : ids.Max().ToString(), ids.Length, last: false, cancel);
        }
        else if (request.Left == 0)
            await Requests.MoveAsync(connection, request, request.Position, 0, last: true, cancel);
        await transaction.CommitAsync(cancel);
        return marking;
    }

    // A repository's own row is locked first, as the end of a sync does it.
    private static async Task<long[]> NextAsync(NpgsqlConnection connection, Request request, int batch, CancellationToken cancel)
    {
        await using var command = Requests.Next(request, batch, "for key share of r");
        command.Connection = connection;
        var ids = new List<long>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            ids.Add(row.GetInt64(0));
        return [.. ids];
    }

    private static async Task MarkAsync(NpgsqlConnection connection, Request request, long[] ids, CancellationToken cancel)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new("insert into verification (repository_id) select id from unnest($1) as n(id) order by id on conflict do nothing")
                { Parameters = { new() { Value = ids } } },
                new("""
                    with wanted as (select repository_id as id from verification where repository_id = any ($1) order by repository_id for update),
                    anew as (update damage d set tries = 0 from wanted where d.repository_id = wanted.id and d.healed_at is null)
                    update verification v set wish = greatest(v.wish, $2), asked_at = request.created_at, again = v.state = 1,
                        state = case when v.state = 1 then 1 else 0 end, retry_at = null,
                        pending_since = case when v.state in (2, 3) then clock_timestamp() else v.pending_since end
                    from wanted, request where v.repository_id = wanted.id and request.id = $3
                    """)
                {
                    Parameters =
                    {
                        new() { Value = ids }, new() { Value = (short)(request.Deep ? CheckScope.Deep : CheckScope.Whole) }, new() { Value = request.Id },
                    },
                },
            },
        };
        await batch.ExecuteNonQueryAsync(cancel);
    }
}
