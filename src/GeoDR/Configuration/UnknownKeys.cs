namespace GeoDR.Configuration;

/// <summary>A misspelt key would be silently without effect.</summary>
internal static class UnknownKeys
{
    private static readonly string[] s_registry =
        ["Url", "Username", "Password", "PasswordFile", "Service", "Realms", "BlobHosts", "CaFile", "ClientCertificateFile", "ClientKeyFile", "AllowHttp"];

    internal static readonly string[] PrimaryRegistry = [.. s_registry, "TokensFrom"];

    internal static readonly string[] Peer = ["Url", "PublicKeyFile", "MayPromote", "Registry", "Log", "LogFile"];

    internal static readonly Dictionary<string, string[]> Known = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Geo"] = ["Site", "Database", "DatabaseFile", "Registry", "Primary", "Notifications", "Peers", "Tokens", "Filter", "Failover", "Drill", "Sync", "Log", "Reconcile", "Verification", "Deletion", "Schedules", "Jobs", "Targets", "Alerts", "Metrics", "Retention", "Tls", "SignIn"],
        ["Geo:Site"] = ["Name", "Role", "Url", "KeyFile", "RegistryUrl"],
        ["Geo:Registry"] = s_registry,
        ["Geo:Primary"] = ["Url", "Log", "LogFile", "AllowHttp", "CaFile", "Registry"],
        ["Geo:Primary:Registry"] = PrimaryRegistry,
        ["Geo:Notifications"] = ["Secrets", "SecretsFile", "Silence"],
        ["Geo:Tokens"] = ["Issuer", "KeyFile", "CertificateFile", "Lifetime"],
        ["Geo:Filter"] = ["Include", "Exclude", "IncludeTags", "ExcludeTags", "EventOnly", "ReconcileOnly", "Platforms", "Map"],
        ["Geo:Failover"] = ["FenceCommand", "UnfenceCommand", "StartHold", "MayPromote", "Heartbeat", "Clients"],
        ["Geo:Failover:Clients"] = s_registry,
        ["Geo:SignIn"] = ["Header", "GroupsHeader", "Viewer", "Operator", "Admin", "TrustedProxies"],
        ["Geo:Drill"] = ["Every", "Repositories", "BytesPerSecond"],
        ["Geo:Sync"] = ["Workers", "BlobsPerImage", "ConnectionsPerRegistry", "BandwidthLimit", "BandwidthWindows", "CopyForeignLayers", "Lease", "IdleTimeout"],
        ["Geo:Reconcile"] = ["Every", "RequestsPerSecond", "Settle"],
        ["Geo:Verification"] = ["Automatic", "Every", "DeepEvery", "RequestsPerSecond", "BytesPerSecond"],
        ["Geo:Deletion"] = ["Quarantine", "Brake", "ConfirmAfter"],
        ["Geo:Schedules"] = ["CheckIn"],
        ["Geo:Jobs"] = ["Engine"],
        ["Geo:Targets"] = ["Age", "Bytes", "Rules"],
        ["Geo:Alerts"] = ["Every", "Remind", "Webhook", "Mail"],
        ["Geo:Alerts:Webhook"] = ["Url", "UrlFile", "Secret", "SecretFile", "AllowHttp"],
        ["Geo:Alerts:Mail"] = ["Host", "Port", "From", "To", "Username", "Password", "PasswordFile", "Tls"],
        ["Geo:Metrics"] = ["Listen"],
        ["Geo:Tls"] = ["CertificateFile", "KeyFile"],
        ["Geo:Log"] = ["KeepFor", "ReaderSilence", "MaxEvents", "MaxBytes"],
        ["Geo:Retention"] = ["Attempts", "AttemptsPerRepository", "Audit", "History", "Quarantine", "QuarantineBytes"],
    };

    public static void Find(IConfiguration configuration, List<Fault> faults)
    {
        foreach (var (section, known) in Known)
            foreach (var child in configuration.GetSection(section).GetChildren())
                if (!known.Contains(child.Key, StringComparer.OrdinalIgnoreCase))
                    faults.Add(new($"{section}:{child.Key}", $"is not a setting; known below {section} are {string.Join(", ", known)}"));
        foreach (var peer in configuration.GetSection("Geo:Peers").GetChildren())
        {
            Below(peer, Peer);
            Below(peer.GetSection("Registry"), PrimaryRegistry);
        }

        void Below(IConfigurationSection section, string[] known)
        {
            foreach (var child in section.GetChildren().Where(c => !known.Contains(c.Key, StringComparer.OrdinalIgnoreCase)))
                faults.Add(new(child.Path, $"is not a setting; known here are {string.Join(", ", known)}"));
        }
    }
}
