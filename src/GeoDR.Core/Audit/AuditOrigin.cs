using Npgsql;
using NpgsqlTypes;

namespace GeoDR.Audit;

/// <summary>From where the present call comes, for the audit log: each way in says it once, and every line that is written on that way carries it.</summary>
public static class AuditOrigin
{
    private static readonly AsyncLocal<string?> s_address = new();

    /// <summary>The client's address, or the machine of the command line; null for what the program does by itself.</summary>
    public static string? Address
    {
        get => s_address.Value;
        set => s_address.Value = value;
    }

    /// <summary>For a statement that writes a line itself.</summary>
    public static NpgsqlParameter Parameter() => new() { Value = (object?)Address ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };
}
