using Npgsql;

namespace GeoDR.Sites;

/// <summary>What a person may do; each role includes the ones below it.</summary>
public static class Roles
{
    public const string Viewer = "viewer";
    public const string Operator = "operator";
    public const string Admin = "admin";

    /// <summary>From the lowest to the highest.</summary>
    public static IReadOnlyList<string> All { get; } = [Viewer, Operator, Admin];

    /// <summary>Whether who holds <paramref name="held"/> may do what <paramref name="needed"/> may; an unknown role may nothing.</summary>
    public static bool Includes(string? held, string needed)
    {
        var (has, wants) = (Rank(held), Rank(needed));
        return has >= 0 && wants >= 0 && has >= wants;
    }

    private static int Rank(string? role) => All.ToList().IndexOf(role ?? "");
}

/// <summary>
/// A person who may sign in to the dashboard. The stamp changes with the role and the password: a session that carries
/// another one has ended. Locked is said by the database's clock, after too many failed logins.
/// </summary>
public sealed record User(string Name, string Role, Guid Stamp, bool Locked, DateTimeOffset CreatedAt);

/// <summary>A login that was counted and may now be verified.</summary>
public sealed record LoginAttempt(User User, string PasswordHash);

/// <summary>The dashboard's users.</summary>
public sealed class UserStore(NpgsqlDataSource source)
{
    /// <summary>Failed logins in a row that lock a user, for <see cref="LockedFor"/>.</summary>
    public const int MostFailures = 5;

    private const string Columns = "name, role, stamp, coalesce(locked_until > clock_timestamp(), false), created_at";

    public static TimeSpan LockedFor { get; } = TimeSpan.FromMinutes(15);

    /// <summary>False when the name is taken.</summary>
    public Task<bool> AddAsync(string name, string passwordHash, string role, CancellationToken cancel) =>
        ChangesAsync("insert into app_user (name, password_hash, role) values ($1, $2, $3) on conflict (name) do nothing", cancel, name, passwordHash, role);

    /// <summary>False when there is none of that name. Their sessions end.</summary>
    public Task<bool> RemoveAsync(string name, CancellationToken cancel) =>
        ChangesAsync("delete from app_user where name = $1", cancel, name);

    /// <summary>False when there is none of that name. Their sessions end.</summary>
    public Task<bool> SetRoleAsync(string name, string role, CancellationToken cancel) =>
        ChangesAsync("update app_user set role = $2, stamp = gen_random_uuid() where name = $1", cancel, name, role);

    /// <summary>False when there is none of that name. Their sessions end, and so does a lock.</summary>
    public Task<bool> SetPasswordAsync(string name, string passwordHash, CancellationToken cancel) => ChangesAsync(
        "update app_user set password_hash = $2, stamp = gen_random_uuid(), failed_logins = 0, locked_until = null where name = $1", cancel, name, passwordHash);

    public async Task<IReadOnlyList<User>> ListAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from app_user order by name");
        var users = new List<User>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            users.Add(Read(reader));
        return users;
    }

    public async Task<User?> FindAsync(string name, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"select {Columns} from app_user where name = $1");
        command.Parameters.Add(new() { Value = name });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel) ? Read(reader) : null;
    }

    /// <summary>
    /// Counts a login before its password is looked at, so that guesses made side by side are all counted.
    /// Null when the user is unknown or locked. <see cref="SucceededAsync"/> takes the count back.
    /// </summary>
    public async Task<LoginAttempt?> BeginAsync(string name, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            update app_user set
                failed_logins = case when locked_until is null then failed_logins + 1 else 1 end,
                locked_until = case when locked_until is null and failed_logins + 1 >= $2 then clock_timestamp() + $3 end
            where name = $1 and (locked_until is null or locked_until <= clock_timestamp())
            returning {Columns}, password_hash
            """);
        command.Parameters.Add(new() { Value = name });
        command.Parameters.Add(new() { Value = MostFailures });
        command.Parameters.Add(new() { Value = LockedFor });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel) ? new LoginAttempt(Read(reader), reader.GetString(5)) : null;
    }

    /// <summary>The password was right: earlier failures are forgotten.</summary>
    public Task<bool> SucceededAsync(string name, CancellationToken cancel) =>
        ChangesAsync("update app_user set failed_logins = 0, locked_until = null where name = $1", cancel, name);

    private static User Read(NpgsqlDataReader row) =>
        new(row.GetString(0), row.GetString(1), row.GetGuid(2), row.GetBoolean(3), row.GetFieldValue<DateTimeOffset>(4));

    private async Task<bool> ChangesAsync(string sql, CancellationToken cancel, params string[] values)
    {
        await using var command = source.CreateCommand(sql);
        foreach (var value in values)
            command.Parameters.Add(new() { Value = value });
        return await command.ExecuteNonQueryAsync(cancel) == 1;
    }
}
