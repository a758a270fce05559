namespace GeoDR.Lab;

/// <summary>The ways from one part to another, any of which a proxy can take over.</summary>
public sealed record SiteLinks
{
    /// <summary>Where each registry sends its notifications.</summary>
    public required Uri PrimaryNotifications { get; init; }

    public required Uri SecondaryNotifications { get; init; }

    /// <summary>Each GeoDR's own registry.</summary>
    public required Uri PrimaryRegistry { get; init; }

    public required Uri SecondaryRegistry { get; init; }

    /// <summary>The primary's registry as the secondary reads it.</summary>
    public required Uri PrimaryRegistryFromSecondary { get; init; }

    /// <summary>The primary's GeoDR as the secondary calls it.</summary>
    public required Uri PrimaryFromSecondary { get; init; }

    public required Uri SecondaryFromPrimary { get; init; }

    /// <summary>The primary's log as the secondary reads it: a connection string.</summary>
    public required string Log { get; init; }
}

/// <summary>What differs between a demo, a test, a soak and a benchmark.</summary>
public sealed record TwoSitesOptions
{
    /// <summary>The data's directory; a new one that goes with the sites when not set.</summary>
    public LabDirectory? Directory { get; init; }

    /// <summary><c>Geo:Sync:Lease</c>; the program's default when not set.</summary>
    public TimeSpan? Lease { get; init; }

    /// <summary><c>Geo:Sync:Workers</c> of each process; the program's default when not set.</summary>
    public int? Workers { get; init; }

    /// <summary><c>geodr worker</c> processes of the secondary besides its <c>serve</c>.</summary>
    public int WorkerProcesses { get; init; }

    public bool Fsync { get; init; }

    /// <summary>The primary's registry has an endpoint to notify.</summary>
    public bool PrimaryNotifies { get; init; } = true;

    /// <summary>Verification after each sync and by schedule. Off, so that requests and faults of other tests are the sync's alone.</summary>
    public bool Verification { get; init; }

    /// <summary>Both begin with a copy of a schema that <c>geodr migrate</c> made once; off, each site makes its own.</summary>
    public bool CopySchema { get; init; } = true;

    /// <summary>The program that both begin with, where it is not the one under test; together with <see cref="CopySchema"/> off.</summary>
    public string? Program { get; init; }

    /// <summary>The secondary reads the log from a hot standby of the primary's database.</summary>
    public bool ReadStandby { get; init; }

    /// <summary>The secondary reads the log from the primary's GeoDR instead of its database.</summary>
    public bool HttpLog { get; init; }

    public TimeSpan NotificationTimeout { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan NotificationBackoff { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Creates the administrator of both dashboards.</summary>
    public bool CreateAdmin { get; init; } = true;

    public string AdminPassword { get; init; } = Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(8));

    public SigningAlgorithm TokenAlgorithm { get; init; } = SigningAlgorithm.Rsa;

    /// <summary>Puts proxies in between: takes the direct ways, gives the ways to use.</summary>
    public Func<SiteLinks, Task<SiteLinks>>? Links { get; init; }

    /// <summary>Last changes to a site's settings, before anything of it starts.</summary>
    public Action<GeoSite>? Configure { get; init; }

    /// <summary>Ports by name: <c>berlin</c>, <c>madrid</c>, <c>berlin-registry</c>, <c>madrid-registry</c>; free ones where not named.</summary>
    public IReadOnlyDictionary<string, int> PortsByName { get; init; } = new Dictionary<string, int>();

    /// <summary>Both GeoDR run when the start returns; else a test starts them itself.</summary>
    public bool StartServe { get; init; } = true;

    /// <summary>Told what happens, for people.</summary>
    public Action<string>? Progress { get; init; }
}
