using System.Net.Security;
using GeoDR.Deletion;
using GeoDR.EventLog;
using GeoDR.Registry;
using GeoDR.Retention;
using GeoDR.Secrets;
using GeoDR.Selection;
using GeoDR.Sync;
using GeoDR.Tokens;

namespace GeoDR.Configuration;

/// <summary>A registry as the settings name it: <c>Geo:Registry</c> or <c>Geo:Primary:Registry</c>.</summary>
public sealed record RegistrySettings
{
    public required Uri Url { get; init; }
    public string? Username { get; init; }
    public Secret<string>? Password { get; init; }
    /// <summary>The tokens' <c>aud</c>; by default what the registry's challenge names.</summary>
    public string? Service { get; init; }
    /// <summary>(the primary's) Who signs the tokens: <c>self</c> or <c>primary</c>; by default this site where it has <c>Geo:Tokens</c>, else the primary.</summary>
    public string? TokensFrom { get; init; }
    /// <summary>Hosts a registry's challenge may send credentials to; by default the registry's own.</summary>
    public IReadOnlyList<string> Realms { get; init; } = [];
    /// <summary>Hosts that blobs may be redirected to; any where none is named.</summary>
    public IReadOnlyList<string> BlobHosts { get; init; } = [];
    public string? CaFile { get; init; }
    public string? ClientCertificateFile { get; init; }
    public string? ClientKeyFile { get; init; }
    /// <summary>What those three files hold.</summary>
    public Secret<RegistryCertificates>? Certificates { get; init; }
    public bool AllowHttp { get; init; }
}

/// <summary>Another site, until it is joined by invitation: <c>Geo:Peers:NAME</c>.</summary>
public sealed record PeerSettings(string Name, Uri? Url, string? PublicKeyFile)
{
    /// <summary>Its terms count here; default true.</summary>
    public bool MayPromote { get; init; } = true;

    /// <summary>Its registry as this site reads it while it is the primary; where it is not set, what the peer says of itself.</summary>
    public RegistrySettings? Registry { get; init; }

    /// <summary>Its log, where it is not read at <see cref="Url"/>: a connection string.</summary>
    public Secret<string>? Log { get; init; }
}

/// <summary>The JWTs for registries: <c>Geo:Tokens</c>.</summary>
public sealed record TokenSettings
{
    private Secret<TokenKey>? _key;

    public string? Issuer { get; init; }
    public string? KeyFile { get; init; }
    public string? CertificateFile { get; init; }
    /// <summary>What the two files hold; null where they are not both given.</summary>
    public Secret<TokenKey>? Key => _key ??= KeyFile is { } key && CertificateFile is { } certificate
        ? new("Geo:Tokens:KeyFile", [key, certificate], () => TokenKey.Load(key, certificate)) : null;
    /// <summary>Default 5 min; 1 min to 1 h.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromMinutes(5);
}

/// <summary>Capacity of the sync: <c>Geo:Sync</c>.</summary>
public sealed record SyncSettings
{
    /// <summary>Repositories at once in one process; default 8, 1 to 256.</summary>
    public int Workers { get; init; } = 8;
    /// <summary>Blobs at once for one image; default 4, 1 to 64.</summary>
    public int BlobsPerImage { get; init; } = 4;
    /// <summary>Connections to each registry; default 32, 1 to 1024.</summary>
    public int ConnectionsPerRegistry { get; init; } = 32;
    /// <summary>Foreign layers are copied where the primary holds them; by default only their reference is.</summary>
    public bool CopyForeignLayers { get; init; }
    /// <summary>What the site may read from the primary's registry; default unlimited.</summary>
    public BandwidthPlan Bandwidth { get; init; } = BandwidthPlan.Unlimited;
    /// <summary>How long a silent worker keeps its claims; default 60 s, at least 2 s.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(60);
    /// <summary>How long a transfer may be silent; default 60 s.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);
}

/// <summary>Comparing with what registries say: <c>Geo:Reconcile</c>.</summary>
public sealed record ReconcileSettings
{
    /// <summary>How often everything is read again; default 1 day, 0 never.</summary>
    public TimeSpan Every { get; init; } = TimeSpan.FromDays(1);
    /// <summary>To this site's registry, evenly; default 100 a second, 0 for as many as can be had.</summary>
    public int RequestsPerSecond { get; init; } = 100;
    /// <summary>A difference is believed when it still stands after this; default 10 s.</summary>
    public TimeSpan Settle { get; init; } = TimeSpan.FromSeconds(10);
}

/// <summary>Everything a site is told: the tree below <c>Geo</c>.</summary>
public sealed record GeoSettings
{
    public required string SiteName { get; init; }
    public required string Role { get; init; }
    public Uri? SiteUrl { get; init; }
    public string? SiteKeyFile
    {
        get;
        init => (field, SiteKey) = (value, value is null ? null : new("Geo:Site:KeyFile", [value], () => GeoDR.Tokens.SiteKey.Load(value)));
    }
    /// <summary>What that file holds.</summary>
    public Secret<SiteKey>? SiteKey { get; private init; }
    /// <summary>Where other sites read this site's registry; default its own way.</summary>
    public Uri? RegistryUrl { get; init; }
    public required Secret<string> Database { get; init; }
    public RegistrySettings? Registry { get; init; }
    public Uri? PrimaryUrl { get; init; }
    /// <summary>A connection string, or a URL.</summary>
    public Secret<string>? PrimaryLog { get; init; }
    /// <summary>The log may be read over plain http.</summary>
    public bool PrimaryAllowHttp { get; init; }
    /// <summary>Authorities in PEM for calls to other sites, in place of the system's.</summary>
    public string? PrimaryCaFile { get; init; }
    public RegistrySettings? PrimaryRegistry { get; init; }
    /// <summary>What this site's own https address shows, in PEM, with its chain; null where it listens without TLS.</summary>
    public string? TlsCertificateFile { get; init; }
    /// <summary>Its key; null where the certificate's file holds it too.</summary>
    public string? TlsKeyFile { get; init; }
    /// <summary>Both, as they are now.</summary>
    public Secret<SslStreamCertificateContext>? Tls { get; init; }
    /// <summary>Accepted from registries.</summary>
    public Secret<string[]> Secrets { get; init; } = Array.Empty<string>();
    /// <summary>All that stand in files, to be watched.</summary>
    public IReadOnlyList<ISecretFile> SecretFiles { get; init; } = [];
    public IReadOnlyList<PeerSettings> Peers { get; init; } = [];
    public TokenSettings Tokens { get; init; } = new();
    public SyncSettings Sync { get; init; } = new();
    public LogLimits Log { get; init; } = new();
    public RetentionTimes Retention { get; init; } = new();
    public ReconcileSettings Reconcile { get; init; } = new();
    public NotificationSettings Notifications { get; init; } = new();
    public VerificationSettings Verification { get; init; } = new();
    public DeletionPolicy Deletion { get; init; } = new();
    public SchedulesSettings Schedules { get; init; } = new();
    public JobsSettings Jobs { get; init; } = new();
    public AlertSettings Alerts { get; init; } = new();
    public FailoverSettings Failover { get; init; } = new();
    public DrillSettings Drill { get; init; } = new();
    public SignInSettings SignIn { get; init; } = new();
    /// <summary>What a secondary follows; default everything.</summary>
    public SiteSelection Selection { get; init; } = SiteSelection.All;

    /// <summary>Every setting as people may see it, with where it comes from.</summary>
    public IReadOnlyList<ShownSetting> Shown { get; init; } = [];

    /// <summary>Whether a registry without notifications is a fault: not where comparing it all the time is the source.</summary>
    public bool LooksAtSilence => Notifications.Silence > TimeSpan.Zero && !ReconcileIsTheSource;

    /// <summary>The registry is read so often that its notifications are not needed.</summary>
    public bool ReconcileIsTheSource =>
        Registry is not null && Reconcile.Every > TimeSpan.Zero && Reconcile.Every <= (Notifications.Silence > TimeSpan.Zero ? Notifications.Silence : new NotificationSettings().Silence);

    /// <summary>The primary's GeoDR, where its log is read from that; null where it is read from PostgreSQL.</summary>
    public Uri? PrimaryLogUrl => PrimaryLogSettings.UrlOf(PrimaryLog?.Value);

    /// <summary>The peer whose URL is that of the log.</summary>
    public PeerSettings? PrimaryLogPeer => PrimaryLogUrl is { } url ? Peers.FirstOrDefault(p => p.Url is not null && SettingsReader.SameUrl(p.Url, url)) : null;

    /// <summary>The peer whose URL is the primary's: whom heartbeats are addressed to.</summary>
    public PeerSettings? PrimaryPeer => Peers.FirstOrDefault(p => p.Url is not null && PrimaryUrl is not null && SettingsReader.SameUrl(p.Url, PrimaryUrl));
}

/// <summary>A setting that is wrong, and what to do about it.</summary>
public sealed record Fault(string Key, string Mend)
{
    public override string ToString() => $"{Key}: {Mend}";
}
