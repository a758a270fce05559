using GeoDR.Configuration;
using Npgsql;
using Quartz;

namespace GeoDR.Schedules;

/// <summary>The database's owner has to make the schema first.</summary>
internal sealed class NoSchemaRightException(string message) : Exception(message);

/// <summary>Quartz on the site's own database, in a schema of its own.</summary>
internal static class QuartzStore
{
    private const string Schema = "quartz";
    private const long LockKey = 0x67656F6472_07;
    // Triggers of three or four schedules; a run mostly waits.
    private const int Threads = 8;
    private static readonly string s_version = $"quartz {typeof(IScheduler).Assembly.GetName().Version}";
    private static readonly TimeSpan s_misfire = TimeSpan.FromSeconds(10);

    /// <summary>Makes the schema and what it holds. Nodes that start together wait for each other.</summary>
    /// <exception cref="NoSchemaRightException"/>
    public static async Task ProvisionAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await ExecuteAsync(connection, $"select pg_advisory_lock({LockKey})", cancel);
        try
        {
            if (await IsProvisionedAsync(connection, cancel))
                return;
            await CreateSchemaAsync(connection, cancel);
            await using var services = new ServiceCollection().AddLogging().AddSingleton(source)
                .AddQuartzStore(new SchedulesSettings(), create: true).BuildServiceProvider();
            // Building the scheduler reads the schema; it is not started, and joins no cluster.
            var scheduler = await services.GetRequiredService<ISchedulerFactory>().GetScheduler(cancel);
            await scheduler.Shutdown(waitForJobsToComplete: false, cancel);
            await ExecuteAsync(connection, $"comment on schema {Schema} is '{s_version}'", cancel);
        }
        finally
        {
            await ExecuteAsync(connection, $"select pg_advisory_unlock({LockKey})", CancellationToken.None);
        }
    }

    /// <summary>Whether <see cref="ProvisionAsync"/> would have nothing to do.</summary>
    public static async Task<bool> IsProvisionedAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        return await IsProvisionedAsync(connection, cancel);
    }

    public static IServiceCollection AddQuartzStore(this IServiceCollection services, SchedulesSettings settings, bool create) => services.AddQuartz(quartz =>
    {
        quartz.ConfigureScheduler(o =>
        {
            o.InstanceName = "geodr";
            o.InstanceId = ScheduleNode.Id;
            o.ShutdownJobInterruption = ShutdownJobInterruption.Always;
        });
        quartz.UseDefaultThreadPool(Threads);
        quartz.UsePersistentStore(store =>
        {
            store.UsePostgres(data => data.DataSourceFactory = p => p.GetRequiredService<NpgsqlDataSource>());
            store.UseSystemTextJsonSerializer();
            if (create)
                store.ProvisionSchema();
            store.UseClustering(c =>
            {
                c.CheckinInterval = settings.CheckIn;
                c.CheckinMisfireThreshold = settings.CheckIn;
            });
            store.ConfigureStore(o =>
            {
                o.TablePrefix = $"{Schema}.qrtz_";
                o.MisfireThreshold = s_misfire;
                o.MisfireHandlerFrequency = TimeSpan.FromMinutes(1);
                o.RecoverFiringsCancelledByShutdown = true;
            });
        });
    });

    // The schema says which version of Quartz made it. Asking Quartz costs a start more than all migrations together.
    private static async Task<bool> IsProvisionedAsync(NpgsqlConnection connection, CancellationToken cancel) =>
        await ScalarAsync(connection, $"select obj_description(to_regnamespace('{Schema}'), 'pg_namespace')", cancel) is string made && made == s_version;

    private static async Task CreateSchemaAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        try
        {
            // "if not exists" asks for the right even where the schema exists.
            await ExecuteAsync(connection, $"do $$ begin if not exists (select from pg_namespace where nspname = '{Schema}') then create schema {Schema}; end if; end $$", cancel);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            var role = await ScalarAsync(connection, "select quote_ident(current_user)", cancel);
            throw new NoSchemaRightException(
                $"The schedules need a schema of their own, and this role may not create one. Somebody who may must run: create schema {Schema} authorization {role};");
        }
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection connection, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancel);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancel);
    }
}
