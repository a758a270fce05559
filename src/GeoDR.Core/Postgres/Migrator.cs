using System.Reflection;
using Npgsql;

namespace GeoDR.Postgres;

/// <summary>A newer program has brought the database further than this one knows.</summary>
public sealed class NewerSchemaException(string message) : Exception(message);

/// <summary>Brings a site's database to this version: numbered scripts, each committed together with its version row.</summary>
public static class Migrator
{
    /// <summary>The PostgreSQL role, without login, that sees <c>geo_log_v1</c> and nothing else.</summary>
    public const string ReaderRole = "geo_log_reader";

    private const long LockKey = 0x67656F6472_01;

    private sealed record Script(int Version, string Name, string Sql);

    /// <summary>Runs what is missing and answers how many scripts that were. Nodes that start together wait for each other.</summary>
    public static async Task<int> MigrateAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await ExecuteAsync(connection, $"select pg_advisory_lock({LockKey})", cancel);
        try
        {
            await ExecuteAsync(connection, """
                create table if not exists schema_version (
                    version integer primary key, name text not null, applied_at timestamptz not null default now())
                """, cancel);
            var current = (int)(await ScalarAsync(connection, "select coalesce(max(version), 0) from schema_version", cancel))!;
            var scripts = Scripts();
            if (current > scripts[^1].Version)
                throw new NewerSchemaException(
                    $"The database is at version {current}, newer than this program knows ({scripts[^1].Version}). Run the newer program.");
            var missing = scripts.Where(s => s.Version > current).ToList();
            foreach (var script in missing)
                await ApplyAsync(connection, script, cancel);
            return missing.Count;
        }
        finally
        {
            await ExecuteAsync(connection, $"select pg_advisory_unlock({LockKey})", CancellationToken.None);
        }
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

    private static async Task ApplyAsync(NpgsqlConnection connection, Script script, CancellationToken cancel)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        // However long a large table takes: what is given up half-way would never be done.
        await using (var run = new NpgsqlCommand(script.Sql, connection) { CommandTimeout = 0 })
            await run.ExecuteNonQueryAsync(cancel);
        await using var record = new NpgsqlCommand("insert into schema_version (version, name) values ($1, $2)", connection)
        {
            Parameters = { new() { Value = script.Version }, new() { Value = script.Name } },
        };
        await record.ExecuteNonQueryAsync(cancel);
        await transaction.CommitAsync(cancel);
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
                return new Script(int.Parse(name[..4]), name, reader.ReadToEnd());
            })
            .OrderBy(s => s.Version)];
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection connection, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancel);
    }
}
