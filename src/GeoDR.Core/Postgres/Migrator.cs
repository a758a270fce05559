using System.Data;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Npgsql;

namespace GeoDR.Postgres;

/// <summary>A newer program has brought the database further than this one may work with.</summary>
public sealed class NewerSchemaException(string message) : Exception(message);

/// <summary>Something held a lock that a script needs, for too long.</summary>
public sealed class MigrationBlockedException(string message, Exception cause) : Exception(message, cause);

/// <summary>
/// Brings a site's database to this version: numbered scripts, each committed together with its version row, so that one that fails or is
/// killed leaves nothing behind. Programs of the version before go on beside it: docs/explanation/upgrades.md has the rules for scripts.
/// </summary>
public static partial class Migrator
{
    /// <summary>The PostgreSQL role, without login, that sees <c>geo_log_v1</c> and nothing else.</summary>
    public const string ReaderRole = "geo_log_reader";

    private const long LockKey = 0x67656F6472_01;
    private const int Tries = 10;

    /// <summary>The first version whose programs ask what a newer database needs of them.</summary>
    private const int FirstThatAsks = 18;

    private sealed record Script(int Version, string Name, string Sql)
    {
        /// <summary>The oldest version whose programs may still run afterwards: <c>-- needs 0020</c> in the script says another than the usual.</summary>
        public int Needs { get; } = NeedsLine().Match(Sql) is { Success: true } line ? int.Parse(line.Groups[1].Value, CultureInfo.InvariantCulture) : FirstThatAsks;
    }

    /// <summary>Runs what is missing and answers how many scripts that were. Nodes that start together wait for each other.</summary>
    /// <exception cref="NewerSchemaException"/>
    /// <exception cref="MigrationBlockedException"/>
    public static async Task<int> MigrateAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        // A session whose client was killed ends by itself, however long its statement would still run.
        await ExecuteAsync(connection, $"set client_connection_check_interval = '1s'; select pg_advisory_lock({LockKey})", cancel);
        try
        {
            var missing = await MissingAsync(connection, cancel);
            if (missing.Count > 0)
                await InTransactionAsync(connection, "schema_version", () => ExecuteAsync(connection, """
                    create table if not exists schema_version (
                        version integer primary key, name text not null, applied_at timestamptz not null default now());
                    alter table schema_version add column if not exists needs integer
                    """, cancel), cancel);
            foreach (var script in missing)
                await InTransactionAsync(connection, script.Name, () => ApplyAsync(connection, script, cancel), cancel);
            return missing.Count;
        }
        finally
        {
            // Where the server ended the session, the lock went with it.
            if (connection.State == ConnectionState.Open)
                await ExecuteAsync(connection, $"reset client_connection_check_interval; select pg_advisory_unlock({LockKey})", CancellationToken.None);
        }
    }

    /// <summary>The names of the scripts that <see cref="MigrateAsync"/> would run, in order. Changes nothing.</summary>
    /// <exception cref="NewerSchemaException"/>
    public static async Task<IReadOnlyList<string>> PendingAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        return [.. (await MissingAsync(connection, cancel)).Select(s => s.Name)];
    }

    /// <summary>
    /// Lets <see cref="ReaderRole"/> read the log's view. Needs no right to create roles:
    /// where that is missing, the answer is the SQL that somebody who has it must run.
    /// </summary>
    public static async Task<string?> GrantReaderAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        const string create = $"create role {ReaderRole} nologin";
        const string grant = $"grant select on geo_log_v1 to {ReaderRole}";
        await using var connection = await source.OpenConnectionAsync(cancel);
        try
        {
            await ExecuteAsync(connection, $"""
                do $$ begin
                    if not exists (select from pg_roles where rolname = '{ReaderRole}') then {create}; end if;
                exception when duplicate_object or unique_violation then null;
                end $$
                """, cancel);
            await ExecuteAsync(connection, grant, cancel);
            return null;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.UndefinedObject)
        {
            return $"{create}; {grant};";
        }
    }

    private static async Task<List<Script>> MissingAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        var scripts = Scripts();
        if (await ScalarAsync(connection, "select to_regclass('schema_version')::text", cancel) is not string)
            return scripts;
        var applied = new Dictionary<int, int?>();
        // The table is older than its column.
        await using (var command = new NpgsqlCommand("select version, (to_jsonb(v)->>'needs')::int from schema_version v", connection))
        await using (var row = await command.ExecuteReaderAsync(cancel))
            while (await row.ReadAsync(cancel))
                applied[row.GetInt32(0)] = row.IsDBNull(1) ? null : row.GetInt32(1);
        var newest = scripts[^1].Version;
        var unknown = applied.Where(a => a.Key > newest).ToList();
        if (unknown.Any(a => a.Value is null || a.Value > newest))
            throw new NewerSchemaException(
                $"The database is at version {unknown.Max(a => a.Key)}, newer than this program may work with ({newest}). Run the newer program.");
        return [.. scripts.Where(s => !applied.ContainsKey(s.Version))];
    }

    private static async Task ApplyAsync(NpgsqlConnection connection, Script script, CancellationToken cancel)
    {
        // However long a large table takes: what is given up half-way would never be done.
        await using (var run = new NpgsqlCommand(script.Sql, connection) { CommandTimeout = 0 })
            await run.ExecuteNonQueryAsync(cancel);
        await using var record = new NpgsqlCommand("insert into schema_version (version, name, needs) values ($1, $2, $3)", connection)
        {
            Parameters = { new() { Value = script.Version }, new() { Value = script.Name }, new() { Value = script.Needs } },
        };
        await record.ExecuteNonQueryAsync(cancel);
    }

    private static async Task InTransactionAsync(NpgsqlConnection connection, string name, Func<Task> act, CancellationToken cancel)
    {
        for (var tries = 1; ; tries++)
        {
            await using var transaction = await connection.BeginTransactionAsync(cancel);
            try
            {
                // Whoever waits for a table's lock keeps everybody behind it from the table, the intake too: better to step back and ask again.
                await ExecuteAsync(connection, "set local lock_timeout = '1s'; set local statement_timeout = 0", cancel);
                await act();
                await transaction.CommitAsync(cancel);
                return;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
                if (tries == Tries)
                    throw new MigrationBlockedException(
                        $"{name} waits for a lock that another session keeps, a backup for example (pg_locks says which). Nothing of it was changed; try again when that has ended.", e);
            }
            await transaction.RollbackAsync(cancel);
        }
    }

    private static List<Script> Scripts()
    {
        var assembly = Assembly.GetExecutingAssembly();
        return [.. assembly.GetManifestResourceNames()
            .Where(n => n.EndsWith(".sql", StringComparison.Ordinal))
            .Select(resource =>
            {
                var name = resource.Split('.')[^2];
                using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
                return new Script(int.Parse(name[..4], CultureInfo.InvariantCulture), name, reader.ReadToEnd());
            })
            .OrderBy(s => s.Version)];
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancel)
    {
        // A large table's new index takes its time, and so does another node that migrates.
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection connection, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancel);
    }

    [GeneratedRegex(@"^-- needs (\d{4})$", RegexOptions.Multiline)]
    private static partial Regex NeedsLine();
}
