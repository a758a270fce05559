using GeoDR.Configuration;
using GeoDR.Failover;
using GeoDR.Postgres;
using Npgsql;

namespace GeoDR.Cli;

/// <summary>How verbs come to their settings, and what they say when something is wrong.</summary>
internal static class VerbSettings
{
    public static IConfiguration Configuration() => new ConfigurationBuilder()
        .SetBasePath(AppContext.BaseDirectory)
        .AddJsonFile("appsettings.json", optional: true)
        .AddJsonFile(Path.Combine(Environment.CurrentDirectory, "appsettings.json"), optional: true)
        .AddEnvironmentVariables()
        .Build();

    /// <summary>The whole tree, or null after every fault was listed.</summary>
    public static GeoSettings? Read()
    {
        var reader = new SettingsReader(Configuration());
        var settings = reader.Read();
        return Report(reader.Faults) ? settings : null;
    }

    /// <summary>Runs something that needs only this site's database.</summary>
    public static async Task<int> WithDatabaseAsync(Func<NpgsqlDataSource, Task<int>> run)
    {
        var reader = new SettingsReader(Configuration());
        var database = reader.ReadDatabase();
        if (!Report(reader.Faults))
            return ExitCodes.Settings;
        await using var source = Hosting.SiteDatabase.Open(database);
        return await GuardAsync(() => run(source));
    }

    /// <summary>Says what is wrong with the database instead of showing a stack.</summary>
    public static async Task<int> GuardAsync(Func<Task<int>> run)
    {
        try
        {
            return await run();
        }
        catch (RoleChangedException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCodes.Failed;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            await Console.Error.WriteLineAsync("This database has no GeoDR schema yet. Run `geodr migrate`, or start `geodr serve`.");
            return ExitCodes.Database;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedColumn)
        {
            await Console.Error.WriteLineAsync("This database's schema is older than this program. Run `geodr migrate`, or start `geodr serve` of this version.");
            return ExitCodes.Database;
        }
        catch (Exception e) when (e is NewerSchemaException or MigrationBlockedException or Schedules.NoSchemaRightException)
        {
            await Console.Error.WriteLineAsync($"Geo:Database: {e.Message}");
            return ExitCodes.Database;
        }
        catch (NpgsqlException e)
        {
            await Console.Error.WriteLineAsync($"Geo:Database: cannot be used: {e.Message}. Check host, port, name and password, and that PostgreSQL runs.");
            return ExitCodes.Database;
        }
    }

    public static bool Report(IReadOnlyList<Fault> faults)
    {
        if (faults.Count == 0)
            return true;
        Console.Error.WriteLine($"{faults.Count} setting{(faults.Count == 1 ? " is" : "s are")} wrong:");
        foreach (var fault in faults)
            Console.Error.WriteLine($"  {fault}");
        return false;
    }
}
