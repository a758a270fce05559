using System.Text;

namespace GeoDR.Lab;

/// <summary>Writes the configuration files of a cluster.</summary>
internal static class PostgresConfiguration
{
    public static void Write(string data, int port, PostgresOptions options)
    {
        var settings = new Dictionary<string, string>
        {
            ["listen_addresses"] = "127.0.0.1",
            ["port"] = $"{port}",
            ["unix_socket_directories"] = "",
            ["max_connections"] = "200",
            ["shared_buffers"] = "128MB",
            ["dynamic_shared_memory_type"] = "posix",
            ["wal_level"] = "replica",
            ["max_wal_senders"] = "10",
            ["max_replication_slots"] = "10",
            ["hot_standby"] = "on",
            ["wal_keep_size"] = "256MB",
            ["fsync"] = options.Fsync ? "on" : "off",
            ["full_page_writes"] = options.Fsync ? "on" : "off",
            ["timezone"] = "UTC",
            ["log_timezone"] = "UTC",
            ["log_line_prefix"] = "%m [%p] %q%u@%d ",
        };
        foreach (var (name, value) in options.Settings)
        {
            settings[name] = value;
        }

        var text = new StringBuilder();
        foreach (var (name, value) in settings)
        {
            text.Append(name).Append(" = '").Append(value.Replace("'", "''", StringComparison.Ordinal)).Append("'\n");
        }

        File.WriteAllText(Path.Combine(data, "postgresql.conf"), text.ToString());
        var method = options.RequirePassword ? "scram-sha-256" : "trust";
        File.WriteAllText(Path.Combine(data, "pg_hba.conf"), $"host all all 127.0.0.1/32 {method}\nhost replication all 127.0.0.1/32 {method}\n");
    }
}
