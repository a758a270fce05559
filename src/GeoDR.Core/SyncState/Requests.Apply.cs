using Npgsql;

namespace GeoDR.SyncState;

public sealed partial class Requests
{
    /// <summary>Marks one catalog page's names, known or not, and moves the request's position, in one transaction.</summary>
    /// <param name="names">What is followed of the page; there may be none.</param>
    /// <param name="upTo">The page's own last name; null at the end of the catalog.</param>
    public async Task ApplyNamesAsync(Request request, IReadOnlyList<string> names, string? upTo, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (!await LockAsync(connection, request, cancel))
            return;
        await using (var insert = new NpgsqlCommand("""
            insert into repository (name) select name from unnest($1) as n(name) order by name on conflict (name) do nothing
            """, connection) { Parameters = { new() { Value = names.ToArray() } } })
            await insert.ExecuteNonQueryAsync(cancel);
        await WantAsync(connection, "select id from repository where name = any ($1) order by name for update", [new() { Value = names.ToArray() }], cancel);
        await MoveAsync(connection, request, upTo ?? request.Position, names.Count, last: upTo is null, cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>Marks the next rows that match and answers how many; the request is done when there are none.</summary>
    public async Task<int> ApplyRowsAsync(Request request, int batch, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (!await LockAsync(connection, request, cancel))
            return 0;
        await using var rows = Next(request, batch, "for update of r");
        var marked = await WantAsync(connection, rows.CommandText, [.. rows.Parameters.Select(p => p.Clone())], cancel);
        await MoveAsync(connection, request, marked.Count > 0 ? marked.Max().ToString() : request.Position, marked.Count, marked.Count < batch, cancel);
        await transaction.CommitAsync(cancel);
        return marked.Count;
    }

    /// <summary>Selects the next rows that match, by their ids.</summary>
    internal static NpgsqlCommand Next(Request request, int batch, string locking)
    {
        var command = new NpgsqlCommand();
        command.Parameters.Add(new() { Value = long.TryParse(request.Position, out var id) ? id : 0 });
        command.CommandText = $"select r.id from repository r where r.id > $1 and {request.Filter.Sql(command.Parameters)} order by r.id limit {batch} {locking}";
        return command;
    }

    /// <summary>Says why a request does not get on; cleared by its next step.</summary>
    public async Task ProblemAsync(long id, string problem, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("update request set problem = $2 where id = $1");
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = problem });
        await command.ExecuteNonQueryAsync(cancel);
    }

    // A started row keeps its lease: the wish is seen when its work ends.
    private static async Task<List<long>> WantAsync(NpgsqlConnection connection, string rows, NpgsqlParameter[] parameters, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"""
            with picked as ({rows}),
            retried as (
                update waiting_reference w set not_before = least(not_before, clock_timestamp()) from picked
                where w.repository_id = picked.id and w.failed)
            update repository r set full_wanted = nextval('claim_token') + 1, full_not_before = null, retry_count = 0, retry_at = null,
                priority = case when r.state in (2, 3) then 1 else r.priority end,
                pending_since = case when r.state in (2, 3) then clock_timestamp() else r.pending_since end,
                state = case when r.state = 1 then 1 else 0 end
            from picked where r.id = picked.id returning r.id
            """, connection);
        command.Parameters.AddRange(parameters);
        var ids = new List<long>();
        await using (var reader = await command.ExecuteReaderAsync(cancel))
            while (await reader.ReadAsync(cancel))
                ids.Add(reader.GetInt64(0));
        await using var notify = new NpgsqlCommand($"notify {Marking.Channel}", connection);
        await notify.ExecuteNonQueryAsync(cancel);
        return ids;
    }

    // Two nodes that apply the same request: the second finds its position moved and leaves.
    internal static async Task<bool> LockAsync(NpgsqlConnection connection, Request request, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("select from request where id = $1 and status = 'running' and position = $2 for update", connection)
        { Parameters = { new() { Value = request.Id }, new() { Value = request.Position } } };
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel);
    }

    internal static async Task MoveAsync(NpgsqlConnection connection, Request request, string position, int marked, bool last, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("""
            update request set position = $2, marked = marked + $3, problem = null,
                status = case when $4 then 'done' else status end, finished_at = case when $4 then clock_timestamp() end
            where id = $1
            """, connection)
        { Parameters = { new() { Value = request.Id }, new() { Value = position }, new() { Value = marked }, new() { Value = last } } };
        await command.ExecuteNonQueryAsync(cancel);
    }
}
