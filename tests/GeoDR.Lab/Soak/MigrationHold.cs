using Npgsql;

namespace GeoDR.Lab;

/// <summary>Holds a migration at one script: its work is done, and neither noted nor committed.</summary>
public sealed class MigrationHold : IAsyncDisposable
{
    private const string Waiting = "select count(*) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database()) and classid = 0 and objid = 42 and not granted";

    private readonly NpgsqlConnection _holder;

    private MigrationHold(NpgsqlConnection holder) => _holder = holder;

    /// <param name="connectionString">The superuser's, of a database that has its <c>schema_version</c>.</param>
    public static async Task<MigrationHold> AtAsync(string connectionString, int version, CancellationToken cancellationToken)
    {
        var holder = new NpgsqlConnection(connectionString + ";Pooling=false");
        await holder.OpenAsync(cancellationToken);
        var hold = new MigrationHold(holder);
        await hold.ExecuteAsync($"""
            select pg_advisory_lock(42);
            create function held() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(42); return new; end $$;
            create trigger held before insert on schema_version for each row when (new.version = {version}) execute function held();
            """, cancellationToken);
        return hold;
    }

    /// <summary>Returns when a migration stands there.</summary>
    public Task ReachedAsync(CancellationToken cancellationToken) => UntilAsync(waits: true, "no migration comes to the script", cancellationToken);

    /// <summary>Returns when none does any more: the session of one that was killed has ended.</summary>
    public Task LeftAsync(CancellationToken cancellationToken) => UntilAsync(waits: false, "the session of the killed migration stays", cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await ExecuteAsync("drop trigger held on schema_version; drop function held()", CancellationToken.None);
        await _holder.DisposeAsync();
    }

    private Task UntilAsync(bool waits, string words, CancellationToken cancellationToken) => Wait.UntilAsync(
        async token =>
        {
            await using var command = new NpgsqlCommand(Waiting, _holder);
            return ((long)(await command.ExecuteScalarAsync(token))! > 0) == waits;
        },
        TimeSpan.FromSeconds(30), () => words, cancellationToken);

    private async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, _holder);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
