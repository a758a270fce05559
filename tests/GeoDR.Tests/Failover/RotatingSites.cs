using System.Security.Cryptography;
using GeoDR.Lab;
using GeoDR.Tests.Secrets;
using Npgsql;

namespace GeoDR.Tests.Failover;

/// <summary>Two sites that take every secret from a file, and say as much in their logs as they can. Alerts go nowhere.</summary>
public sealed class RotatingSites : IAsyncLifetime
{
    public const string Puller = "puller";
    public const string Role = "geodr_app";

    private readonly string _password;
    private string _log = "";

    public RotatingSites() => _password = Fresh("the registry's password");

    public SiteGroup Sites { get; private set; } = null!;

    /// <summary>For every secret that was ever in use.</summary>
    public SecretSearch Search { get; } = new();

    public Site Berlin => Sites["berlin"];

    public Site Madrid => Sites["madrid"];

    public async ValueTask InitializeAsync() => Sites = await SiteGroup.StartAsync(
        new() { Names = ["berlin", "madrid"], Users = [new(Puller, _password)], WorkerProcesses = 1, Configure = Configure });

    public ValueTask DisposeAsync() => Sites.DisposeAsync();

    /// <summary>A new secret, with signs that look different in a URL, in JSON and in HTML.</summary>
    public string Fresh(string name) => Search.Use(name, Hex() + "+/%&<");

    /// <summary>Where a site keeps a secret.</summary>
    public string FileOf(Site site, string name) => Sites.Directory.PathOf("keys", $"{site.Name}.{name}");

    private static string Hex() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    private void Configure(GeoSite site)
    {
        var keys = Path.GetDirectoryName(site.Settings["Geo__Site__KeyFile"])!;
        var own = new NpgsqlConnectionStringBuilder(site.Settings["Geo__Database"]);
        var password = Fresh($"{site.Name}'s database's password");
        using (var source = NpgsqlDataSource.Create(own.ConnectionString))
        using (var command = source.CreateCommand($"create role {Role} superuser login password '{password}'"))
            command.ExecuteNonQuery();
        (own.Username, own.Password) = (Role, password);
        site.Set("Database", null).Set("DatabaseFile", Put("database", own.ConnectionString));
        site.Set("Notifications:SecretsFile", Put("secrets", Search.Use("the notification secret", site.Settings["Geo__Notifications__Secrets__0"]))).Set("Notifications:Secrets:0", null);
        foreach (var (name, file) in new[] { ("site key", site.Settings["Geo__Site__KeyFile"]), ("token key", site.Settings["Geo__Tokens__KeyFile"]) })
            Search.UseKey($"{site.Name}'s {name}", file);
        var nowhere = Ports.Free();
        site.Set("Alerts:Every", "500ms").Set("Alerts:Webhook:UrlFile", Put("webhook", $"https://127.0.0.1:{nowhere}/hooks/{Search.Use("the webhook's path", Hex())}"))
            .Set("Alerts:Webhook:SecretFile", Put("signing", Fresh("the webhook's secret")))
            .Set("Alerts:Mail:Host", "127.0.0.1").Set("Alerts:Mail:Port", $"{nowhere}").Set("Alerts:Mail:From", "geodr@example.com").Set("Alerts:Mail:To", "operator@example.com")
            .Set("Alerts:Mail:Username", "mailer").Set("Alerts:Mail:PasswordFile", Put("mail", Fresh("the mail server's password")));
        site.Settings["HTTPS_PROXY"] = $"http://operator:{Search.Use("the proxy's password", Hex())}@127.0.0.1:{nowhere}";
        site.Settings["Logging__Console__LogLevel__Default"] = "Debug";
        site.Set("Failover:FenceCommand:0", "/bin/sh")
            .Set("Failover:FenceCommand:1", Put("fence", $"{{ env | grep -v ^HTTPS_PROXY=; cat /proc/$$/cmdline /proc/$PPID/cmdline | tr '\\0' '\\n'; }} > {Path.Combine(keys, $"{site.Name}.fenced")}"));
        if (site.Name == "berlin")
            _log = own.ConnectionString;
        else
            site.Set("Primary:Log", null).Set("Primary:LogFile", Put("log", _log)).Set("Primary:Registry:Username", Puller).Set("Primary:Registry:PasswordFile", Put("registry", _password));

        string Put(string name, string content)
        {
            var file = Path.Combine(keys, $"{site.Name}.{name}");
            File.WriteAllText(file, content + "\n");
            return file;
        }
    }
}
