namespace GeoDR.Lab;

/// <summary>How a throwaway cluster is set up.</summary>
public sealed record PostgresOptions
{
    /// <summary>Off for tests that only need the SQL; on where time or a crash of the machine matters.</summary>
    public bool Fsync { get; init; }

    /// <summary>scram-sha-256 over TCP; else every connection is trusted, which makes connecting cheaper.</summary>
    public bool RequirePassword { get; init; }

    public int? Port { get; init; }

    /// <summary>Further settings of postgresql.conf.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();
}
