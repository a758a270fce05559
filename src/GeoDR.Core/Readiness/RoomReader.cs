using System.Net;
using Npgsql;

namespace GeoDR.Readiness;

/// <summary>How large the site's database is, how much room is left where it lies, and what its clock says.</summary>
public static class RoomReader
{
    public static async Task<DatabaseRoom> ReadAsync(NpgsqlDataSource source, TimeProvider time, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select pg_database_size(current_database()), clock_timestamp(), inet_server_addr(),
                case when pg_has_role(current_user, 'pg_read_all_settings', 'member') then current_setting('data_directory') end
            """);
        var asked = time.GetUtcNow();
        await using var row = await command.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        var (answered, there) = (time.GetUtcNow(), row.GetFieldValue<DateTimeOffset>(1));
        // A directory of that name on this machine is the database's only where the database is on this machine.
        var here = row.IsDBNull(2) || IPAddress.IsLoopback(row.GetFieldValue<IPAddress>(2));
        return new(row.GetInt64(0), here && !row.IsDBNull(3) ? FreeAt(row.GetString(3)) : null, Ahead(there, asked, answered));
    }

    // Somewhere between the question and the answer the clock was read: only what lies outside is a difference.
    private static TimeSpan Ahead(DateTimeOffset there, DateTimeOffset asked, DateTimeOffset answered) =>
        there < asked ? there - asked : there > answered ? there - answered : TimeSpan.Zero;

    private static long? FreeAt(string directory)
    {
        try
        {
            return Directory.Exists(directory) ? new DriveInfo(directory).AvailableFreeSpace : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }
}
