using System.Globalization;
using GeoDR.Registry;
using GeoDR.Secrets;
using GeoDR.Selection;
using GeoDR.Sites;
using GeoDR.Sync;
using Npgsql;

namespace GeoDR.Configuration;

/// <summary>Reads the tree below <c>Geo</c> and reports every fault at once, each with its key and the mend.</summary>
public sealed partial class SettingsReader(IConfiguration configuration)
{
    private readonly List<Fault> _faults = [];
    private readonly ShownSettings _shown = new(configuration);
    private readonly List<ISecretFile> _files = [];

    public IReadOnlyList<Fault> Faults => _faults;

    /// <summary>What a verb needs that only talks to this site's database.</summary>
    public Secret<string> ReadDatabase()
    {
        var database = Secret("Geo:Database", ConnectionFault);
        if (Text("Geo:Database") is null && Text("Geo:DatabaseFile") is null)
            Wrong("Geo:Database", "is missing; give the Npgsql connection string of this site's own database");
        return database ?? "";
    }

    /// <summary>Everything a running site needs.</summary>
    public GeoSettings Read()
    {
        UnknownKeys.Find(configuration, _faults);
        var role = Text("Geo:Site:Role") ?? "";
        if (role is not (Site.Primary or Site.Secondary))
            Wrong("Geo:Site:Role", $"is '{role}'; write primary or secondary");
        var secondary = role == Site.Secondary;
        var settings = new GeoSettings
        {
            SiteName = Name("Geo:Site:Name"),
            Role = role,
            SiteUrl = Url("Geo:Site:Url", required: false),
            SiteKeyFile = File("Geo:Site:KeyFile"),
            RegistryUrl = Url("Geo:Site:RegistryUrl", required: false),
            Database = ReadDatabase(),
            Registry = Registry("Geo:Registry", secondary),
            PrimaryUrl = Url("Geo:Primary:Url", required: false),
            PrimaryLog = Secret("Geo:Primary:Log", LogFault),
            PrimaryAllowHttp = Flag("Geo:Primary:AllowHttp"),
            PrimaryCaFile = File("Geo:Primary:CaFile"),
            PrimaryRegistry = Registry("Geo:Primary:Registry", secondary),
            TlsCertificateFile = File("Geo:Tls:CertificateFile"),
            TlsKeyFile = File("Geo:Tls:KeyFile"),
            Tls = Text("Geo:Tls:CertificateFile") is { } own ? Watched(RegistryCertificates.OfKeyed("Geo:Tls:CertificateFile", own, Text("Geo:Tls:KeyFile"))) : null,
            Secrets = Secrets(),
            Peers = Peers(),
            Tokens = Tokens(),
            Sync = Sync(),
            Verification = Verification(),
            Selection = new SiteSelection(
                new NameSelection(Patterns("Geo:Filter:Include"), Patterns("Geo:Filter:Exclude")),
                new NameSelection(Patterns("Geo:Filter:IncludeTags"), Patterns("Geo:Filter:ExcludeTags")))
            {
                EventOnly = Patterns("Geo:Filter:EventOnly"), ReconcileOnly = Patterns("Geo:Filter:ReconcileOnly"), Platforms = Platforms(), Map = Map(),
            },
            Reconcile = new ReconcileSettings
            {
                Every = Time("Geo:Reconcile:Every", new ReconcileSettings().Every, TimeSpan.Zero, TimeSpan.FromDays(365)),
                RequestsPerSecond = Number("Geo:Reconcile:RequestsPerSecond", new ReconcileSettings().RequestsPerSecond, 0, 100_000),
                Settle = Time("Geo:Reconcile:Settle", new ReconcileSettings().Settle, TimeSpan.Zero, TimeSpan.FromMinutes(10)),
            },
            Notifications = new NotificationSettings
            {
                Silence = Time("Geo:Notifications:Silence", new NotificationSettings().Silence, TimeSpan.Zero, NotificationSettings.Longest),
            },
            Deletion = DeletionSettings.Read(Text, Wrong),
            Schedules = SchedulesSettings.Read(Time),
            Jobs = JobsSettings.Read(Text, Wrong),
            Drill = DrillSettings.Read(Text, Time, Wrong),
            SignIn = SignInSettings.Read(Text, List, Wrong),
            Failover = FailoverSettings.Read(Text, Flag, Time, List, Registry),
            Alerts = new AlertSettingsReader(configuration, Text, Secret, Wrong).Read(),
            Log = LogSettings.Read(Text, Wrong),
            Retention = RetentionSettings.Read(Text, Wrong),
        };
        _faults.AddRange(CertificateFaults.Of(settings));
        _faults.AddRange(TokensFrom.Faults(settings));
        Relations(settings, secondary);
        if (settings.SiteKey is { } key)
            _files.Add(key);
        return settings with { Shown = _shown.List(), SecretFiles = _files };
    }

    /// <summary>Two spellings of one address: host and port decide, a trailing slash does not.</summary>
    public static bool SameUrl(Uri a, Uri b) =>
        string.Equals(a.Authority, b.Authority, StringComparison.OrdinalIgnoreCase)
        && a.AbsolutePath.TrimEnd('/') == b.AbsolutePath.TrimEnd('/');

    /// <summary>1 to 63 letters, digits, '-', '_' or '.'.</summary>
    public static bool IsSiteName(string name) => name.Length is > 0 and <= 63 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    private void Relations(GeoSettings s, bool secondary)
    {
        if (!secondary)
        {
            if (s.Secrets.Value.Length == 0 && !s.ReconcileIsTheSource)
                Wrong("Geo:Notifications:Secrets", "is missing; give the secret that the registry sends in its Authorization header; for a registry that sends no notifications set Geo:Reconcile:Every, to 1m for example");
            return;
        }
        if (s.PrimaryLog is null)
            Wrong("Geo:Primary:Log", "is missing; give a connection string for the primary's database, or a hot standby of it, or the https:// URL of the primary's GeoDR");
        else if (PrimaryLogSettings.IsUrl(s.PrimaryLog.Value))
            _faults.AddRange(PrimaryLogSettings.Faults(s));
        if (s.Registry is not null && s.PrimaryRegistry is not null && SameUrl(s.Registry.Url, s.PrimaryRegistry.Url))
            Wrong("Geo:Primary:Registry:Url", "names the same registry as Geo:Registry:Url; a site cannot be copied onto itself");
        if (s.SiteUrl is not null && s.PrimaryUrl is not null && SameUrl(s.SiteUrl, s.PrimaryUrl))
            Wrong("Geo:Primary:Url", "is this site's own Geo:Site:Url; name the primary's");
        var t = s.Tokens;
        if ((t.Issuer ?? t.KeyFile ?? t.CertificateFile) is null)
            return;
        foreach (var (key, value) in new[] { ("Issuer", t.Issuer), ("KeyFile", t.KeyFile), ("CertificateFile", t.CertificateFile) })
            if (value is null)
                Wrong($"Geo:Tokens:{key}", "is missing, while other settings of Geo:Tokens are given; the three belong together");
    }

    private SyncSettings Sync()
    {
        var d = new SyncSettings();
        return new SyncSettings
        {
            Workers = Number("Geo:Sync:Workers", d.Workers, 1, 256),
            BlobsPerImage = Number("Geo:Sync:BlobsPerImage", d.BlobsPerImage, 1, 64),
            ConnectionsPerRegistry = Number("Geo:Sync:ConnectionsPerRegistry", d.ConnectionsPerRegistry, 1, 1024),
            CopyForeignLayers = Flag("Geo:Sync:CopyForeignLayers"),
            Bandwidth = Bandwidth(),
            Lease = Time("Geo:Sync:Lease", d.Lease, TimeSpan.FromSeconds(2), TimeSpan.FromHours(1)),
            IdleTimeout = Time("Geo:Sync:IdleTimeout", d.IdleTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
        };
    }

    private VerificationSettings Verification()
    {
        var d = new VerificationSettings();
        var rate = Text("Geo:Verification:BytesPerSecond", VerificationSettings.DefaultBytes);
        if (!ByteRate.TryParse(rate ?? VerificationSettings.DefaultBytes, out var bytes))
            Wrong("Geo:Verification:BytesPerSecond", $"is '{rate}'; write a rate such as 20MB/s or 200Mbit/s, or unlimited");
        return new()
        {
            Automatic = Text("Geo:Verification:Automatic", "true") is null || Flag("Geo:Verification:Automatic"),
            Every = Time("Geo:Verification:Every", d.Every, TimeSpan.FromMinutes(1), TimeSpan.FromDays(3650)),
            DeepEvery = Time("Geo:Verification:DeepEvery", d.DeepEvery, TimeSpan.FromMinutes(1), TimeSpan.FromDays(3650)),
            RequestsPerSecond = Number("Geo:Verification:RequestsPerSecond", d.RequestsPerSecond, 1, 100_000),
            BytesPerSecond = bytes,
        };
    }

    /// <summary>"20MB/s", and windows such as "22:00-06:00 100MB/s" in UTC.</summary>
    private BandwidthPlan Bandwidth()
    {
        var limit = Text("Geo:Sync:BandwidthLimit", "unlimited");
        if (!ByteRate.TryParse(limit ?? "unlimited", out var rate))
            Wrong("Geo:Sync:BandwidthLimit", $"is '{limit}'; write a rate such as 20MB/s or 200Mbit/s, or unlimited");
        var windows = new List<BandwidthWindow>();
        foreach (var text in List("Geo:Sync:BandwidthWindows"))
        {
            if (ByteRate.TryParseWindow(text, out var window))
                windows.Add(window);
            else
                Wrong("Geo:Sync:BandwidthWindows", $"is '{text}'; write a window in UTC and its rate, such as 22:00-06:00 100MB/s");
        }
        return new BandwidthPlan(rate, windows);
    }

    private RegistrySettings? Registry(string key, bool required)
    {
        if (!configuration.GetSection(key).GetChildren().Any() && !required)
            return null;
        var url = Url($"{key}:Url", required: true);
        var allowHttp = Flag($"{key}:AllowHttp");
        if (url?.Scheme == Uri.UriSchemeHttp && !allowHttp)
            Wrong($"{key}:Url", $"is plain http; use https, or set {key}:AllowHttp to true");
        var (username, password) = (Text($"{key}:Username"), Secret($"{key}:Password"));
        if (username is null != password is null)
            Wrong(username is null ? $"{key}:Username" : $"{key}:Password", "is missing; a name and a password belong together");
        var (ca, certificate, clientKey) = (File($"{key}:CaFile"), File($"{key}:ClientCertificateFile"), File($"{key}:ClientKeyFile"));
        return url is null ? null : new RegistrySettings
        {
            Url = url, Username = username, Password = password, Service = Text($"{key}:Service"), TokensFrom = Text($"{key}:TokensFrom"),
            Realms = List($"{key}:Realms"), BlobHosts = List($"{key}:BlobHosts"), AllowHttp = allowHttp, CaFile = ca,
            ClientCertificateFile = certificate, ClientKeyFile = clientKey, Certificates = Watched(RegistryCertificates.Of(key, ca, certificate, clientKey)),
        };
    }

    private List<PeerSettings> Peers()
    {
        var peers = new List<PeerSettings>();
        foreach (var section in configuration.GetSection("Geo:Peers").GetChildren())
        {
            var key = $"Geo:Peers:{section.Key}";
            peers.Add(new(section.Key, Url($"{key}:Url", required: false), File($"{key}:PublicKeyFile"))
            {
                MayPromote = Text($"{key}:MayPromote", "true") is null || Flag($"{key}:MayPromote"), Registry = Registry($"{key}:Registry", required: false), Log = Secret($"{key}:Log", LogFault),
            });
        }
        return peers;
    }

    private TokenSettings Tokens()
    {
        var tokens = new TokenSettings
        {
            Issuer = Text("Geo:Tokens:Issuer"),
            KeyFile = File("Geo:Tokens:KeyFile"),
            CertificateFile = File("Geo:Tokens:CertificateFile"),
            Lifetime = Time("Geo:Tokens:Lifetime", new TokenSettings().Lifetime, TimeSpan.FromMinutes(1), TimeSpan.FromHours(1)),
        };
        Watched(tokens.Key);
        return tokens;
    }

    private Secret<string[]> Secrets()
    {
        const string Key = "Geo:Notifications:SecretsFile";
        string[] given = [.. List("Geo:Notifications:Secrets")];
        _shown.NoteSecret("Geo:Notifications:Secrets");
        return File(Key) is { } file ? Read(new Secret<string[]>(Key, [file], () => [.. given, .. SecretText.Lines(file)])) ?? given : given;
    }

    private List<Pattern> Patterns(string key)
    {
        var patterns = new List<Pattern>();
        foreach (var text in List(key))
        {
            if (Pattern.TryParse(text, out var pattern))
                patterns.Add(pattern);
            else
                Wrong(key, $"is '{text}'; write names with * (within a component), ** (anything) and ?");
        }
        return patterns;
    }

    private List<Platform> Platforms()
    {
        var platforms = new List<Platform>();
        foreach (var text in List("Geo:Filter:Platforms"))
        {
            if (Platform.TryParse(text, out var platform))
                platforms.Add(platform);
            else
                Wrong("Geo:Filter:Platforms", $"is '{text}'; write os/architecture or os/architecture/variant, such as linux/amd64");
        }
        return platforms;
    }

    /// <summary>Pairs of prefixes, from=to. Two targets of which one begins with the other would mix repositories.</summary>
    private NameMap Map()
    {
        const string Key = "Geo:Filter:Map";
        var prefixes = new List<(string From, string To)>();
        foreach (var text in List(Key))
        {
            var parts = text.Split('=');
            if (parts.Length == 2 && parts.All(p => p.Length == 0 || (p[^1] == '/' && OciNames.IsRepository(p[..^1]))))
                prefixes.Add((parts[0], parts[1]));
            else
                Wrong(Key, $"is '{text}'; write from=to, prefixes that end with '/', such as team/=berlin/team/");
        }
        foreach (var (one, two) in prefixes.SelectMany((p, i) => prefixes.Skip(i + 1).Select(q => (p, q))))
            if (one.To.StartsWith(two.To, StringComparison.Ordinal) || two.To.StartsWith(one.To, StringComparison.Ordinal))
                Wrong(Key, $"puts '{one.From}' and '{two.From}' into one place, '{one.To}' and '{two.To}'; give prefixes of which none begins with another");
        return new(prefixes);
    }
}
