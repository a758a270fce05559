using GeoDR.Audit;
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

/// <summary>What came of a change to a user.</summary>
public enum UserChange
{
    Done,
    /// <summary>There is none of that name.</summary>
    Unknown,
    /// <summary>It would leave nobody who may do everything.</summary>
    LastAdmin,
}

/// <summary>The dashboard's users. Each change is a line in the audit log, by whoever is named.</summary>
public sealed class UserStore(NpgsqlDataSource source)
{
    /// <summary>Failed logins in a row that lock a user, for <see cref="LockedFor"/>.</summary>
    public const int MostFailures = 5;

    private const string Columns = "name, role, stamp, coalesce(locked_until > clock_timestamp(), false), created_at";

    public static TimeSpan LockedFor { get; } = TimeSpan.FromMinutes(15);

    /// <summary>False when the name is taken.</summary>
    public async Task<bool> AddAsync(string name, string passwordHash, string role, string who, CancellationToken cancel) => await ChangeAsync(
        name, "insert into app_user (name, password_hash, role) values ($1, $2, $3) on conflict (name) do nothing", [passwordHash, role], true, who, "user added", role, cancel) == UserChange.Done;

    /// <summary>Their sessions end.</summary>
    public Task<UserChange> RemoveAsync(string name, string who, CancellationToken cancel) =>
        ChangeAsync(name, "delete from app_user where name = $1", [], false, who, "user removed", null, cancel);

    /// <summary>Their sessions end.</summary>
    public Task<UserChange> SetRoleAsync(string name, string role, string who, CancellationToken cancel) => ChangeAsync(
        name, "update app_user set role = $2, stamp = gen_random_uuid() where name = $1", [role], role == Roles.Admin, who, "user role", role, cancel);

    /// <summary>Their sessions end, and so does a lock.</summary>
    public Task<UserChange> SetPasswordAsync(string name, string passwordHash, string who, CancellationToken cancel) => ChangeAsync(
        name, "update app_user set password_hash = $2, stamp = gen_random_uuid(), failed_logins = 0, locked_until = null where name = $1", [passwordHash], true, who, "user password", null, cancel);

    /// <summary>Failed logins are forgotten; sessions go on.</summary>
    public Task<UserChange> UnlockAsync(string name, string who, CancellationToken cancel) =>
        ChangeAsync(name, "update app_user set failed_logins = 0, locked_until = null where name = $1", [], true, who, "user unlocked", null, cancel);

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
    public async Task SucceededAsync(string name, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("update app_user set failed_logins = 0, locked_until = null where name = $1");
        command.Parameters.Add(new() { Value = name });
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static User Read(NpgsqlDataReader row) =>
        new(row.GetString(0), row.GetString(1), row.GetGuid(2), row.GetBoolean(3), row.GetFieldValue<DateTimeOffset>(4));

    /// <param name="keepsAdmin">The user is, or stays, what they are at least.</param>
    private async Task<UserChange> ChangeAsync(
        string name, string sql, string[] values, bool keepsAdmin, string who, string what, string? detail, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (!keepsAdmin && await OnlyAdminAsync(connection, cancel) == name)
            return UserChange.LastAdmin;
        await using var command = new NpgsqlCommand(sql, connection) { Parameters = { new() { Value = name } } };
        foreach (var value in values)
            command.Parameters.Add(new() { Value = value });
        if (await command.ExecuteNonQueryAsync(cancel) == 0)
            return UserChange.Unknown;
        await AuditLog.WriteAsync(connection, who, what, null, name, detail, cancel);
        await transaction.CommitAsync(cancel);
        return UserChange.Done;
    }

    // All of them are locked, so that two administrators cannot remove each other at once.
    private static async Task<string?> OnlyAdminAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"select name from app_user where role = '{Roles.Admin}' order by name for update", connection);
        await using var row = await command.ExecuteReaderAsync(cancel);
        var first = await row.ReadAsync(cancel) ? row.GetString(0) : null;
        return await row.ReadAsync(cancel) ? null : first;
    }
}
