namespace GeoDR.Configuration;

/// <summary>What a change of roles needs at this site: <c>Geo:Failover</c>.</summary>
public sealed record FailoverSettings
{
    /// <summary>Whether this site may be promoted; default true. Others are told by <c>Geo:Peers:NAME:MayPromote</c>.</summary>
    public bool MayPromote { get; init; } = true;

    /// <summary>How long a primary that starts waits for its peers' terms before it opens; default 10 s. Peers that all answer open it at once.</summary>
    public TimeSpan StartHold { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often the sites hear of each other; default 15 s.</summary>
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Keeps clients from writing to this site's registry: a program and its arguments, run without a shell. Empty for none.</summary>
    public IReadOnlyList<string> FenceCommand { get; init; } = [];

    /// <summary>Lets clients write to this site's registry.</summary>
    public IReadOnlyList<string> UnfenceCommand { get; init; } = [];

    /// <summary>The way clients take to this site's registry, with a client's credentials: proves that they are fenced. Null where it is not set.</summary>
    public RegistrySettings? Clients { get; init; }

    internal static FailoverSettings Read(
        SettingText text, Func<string, bool> flag, Func<string, TimeSpan, TimeSpan, TimeSpan, TimeSpan> time, Func<string, List<string>> list,
        Func<string, bool, RegistrySettings?> registry)
    {
        var d = new FailoverSettings();
        return new()
        {
            MayPromote = text("Geo:Failover:MayPromote", "true") is null || flag("Geo:Failover:MayPromote"),
            StartHold = time("Geo:Failover:StartHold", d.StartHold, TimeSpan.Zero, TimeSpan.FromHours(1)),
            Heartbeat = time("Geo:Failover:Heartbeat", d.Heartbeat, TimeSpan.FromMilliseconds(200), TimeSpan.FromMinutes(5)),
            FenceCommand = list("Geo:Failover:FenceCommand"),
            UnfenceCommand = list("Geo:Failover:UnfenceCommand"),
            Clients = registry("Geo:Failover:Clients", false),
        };
    }
}
