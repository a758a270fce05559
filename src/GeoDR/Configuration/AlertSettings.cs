using System.Globalization;
using System.Net;
using System.Net.Mail;
using GeoDR.Alerts;
using GeoDR.Secrets;
using GeoDR.Selection;
using GeoDR.Status;

namespace GeoDR.Configuration;

/// <summary>What may be lost at most, and who is told of what: <c>Geo:Targets</c>, <c>Geo:Alerts</c> and <c>Geo:Metrics</c>.</summary>
public sealed class AlertSettings
{
    public IReadOnlyList<LossTarget> Targets { get; init; } = [];
    /// <summary>How often everything is looked at; default 15 s.</summary>
    public TimeSpan Every { get; init; } = TimeSpan.FromSeconds(15);
    /// <summary>An alert that stands is said again after this; default 4 h, 0 never.</summary>
    public TimeSpan Remind { get; init; } = TimeSpan.FromHours(4);
    public WebhookSettings? Webhook { get; init; }
    public MailSettings? Mail { get; init; }
    /// <summary>A listener for /metrics alone, without authentication; none by default.</summary>
    public IPEndPoint? MetricsListen { get; init; }
}

/// <summary>Reads them.</summary>
/// <param name="text">A setting's text; null where it is not given.</param>
/// <param name="secret">The same for one that may be given in a file; what says what is wrong with a value.</param>
/// <param name="wrong">Hears of a fault: the key and the mend.</param>
internal sealed class AlertSettingsReader(IConfiguration configuration, SettingText text, Func<string, Func<string, string?>?, Secret<string>?> secret, Action<string, string> wrong)
{
    internal static readonly string[] Rule = ["Pattern", "Age", "Bytes"];

    private const string NoUrl = "is no URL that can be used; write https://host/path, a secret in it is never shown";

    public AlertSettings Read()
    {
        var d = new AlertSettings();
        return new()
        {
            Targets = Targets(),
            Every = Time("Geo:Alerts:Every", TimeSpan.FromMilliseconds(200), TimeSpan.FromHours(1), Duration.Format(d.Every)) ?? d.Every,
            Remind = Time("Geo:Alerts:Remind", TimeSpan.Zero, TimeSpan.FromDays(365), Duration.Format(d.Remind)) ?? d.Remind,
            Webhook = Webhook(), Mail = Mail(), MetricsListen = Listen(),
        };
    }

    private List<LossTarget> Targets()
    {
        var targets = new List<LossTarget>();
        if (Target("Geo:Targets", null) is { } site)
            targets.Add(site);
        var rules = configuration.GetSection("Geo:Targets:Rules").GetChildren().ToList();
        if (rules.Count > LossTargets.Most)
            wrong("Geo:Targets:Rules", $"holds {rules.Count} rules; give {LossTargets.Most} at most, patterns may be wide");
        foreach (var rule in rules)
        {
            var key = rule.Path;
            foreach (var child in rule.GetChildren().Where(c => !Rule.Contains(c.Key, StringComparer.OrdinalIgnoreCase)))
                wrong(child.Path, $"is not a setting; known below {key} are {string.Join(", ", Rule)}");
            if (!Pattern.TryParse(text($"{key}:Pattern") ?? "", out var pattern))
                wrong($"{key}:Pattern", $"is '{text($"{key}:Pattern")}'; write a name with * (within a component), ** (anything) and ?");
            else if (Target(key, pattern) is { } target)
                targets.Add(target);
            else
                wrong(key, $"limits nothing; give {key}:Age or {key}:Bytes");
        }
        return targets;
    }

    private LossTarget? Target(string key, Pattern? pattern)
    {
        // A log that is read every second cannot be held to less than two.
        var age = Time($"{key}:Age", TimeSpan.FromSeconds(2), TimeSpan.FromDays(3650));
        long? bytes = null;
        if (text($"{key}:Bytes") is { } given)
        {
            if (ByteSize.TryParse(given, out var size))
                bytes = size;
            else
                wrong($"{key}:Bytes", $"is '{given}'; write a size such as 500MB, 10GB or 10GiB");
        }
        return age is null && bytes is null && text($"{key}:Age") is null && text($"{key}:Bytes") is null ? null : new(pattern, age, bytes);
    }

    private WebhookSettings? Webhook()
    {
        const string Key = "Geo:Alerts:Webhook";
        if (!configuration.GetSection(Key).GetChildren().Any())
            return null;
        var allowHttp = Flag($"{Key}:AllowHttp");
        var url = secret($"{Key}:Url", given => UrlFault(given, allowHttp));
        if (text($"{Key}:Url") is null && text($"{Key}:UrlFile") is null)
            wrong($"{Key}:Url", NoUrl);
        return url is null ? null : new() { Url = url, Secret = secret($"{Key}:Secret", null) };
    }

    // The address may hold a secret: it is not said.
    private static string? UrlFault(string url, bool allowHttp) =>
        !Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || uri.UserInfo.Length > 0 ? NoUrl
        : uri.Scheme == Uri.UriSchemeHttp && !allowHttp ? "is plain http; use https, or set Geo:Alerts:Webhook:AllowHttp to true" : null;

    private MailSettings? Mail()
    {
        const string Key = "Geo:Alerts:Mail";
        if (!configuration.GetSection(Key).GetChildren().Any())
            return null;
        var host = text($"{Key}:Host");
        if (host is null || Uri.CheckHostName(host) == UriHostNameType.Unknown)
            wrong($"{Key}:Host", "is no host name; give the mail server's");
        var tls = text($"{Key}:Tls", "starttls") ?? "starttls";
        if (tls is not ("starttls" or "none"))
            wrong($"{Key}:Tls", tls == "implicit" ? "is implicit, which this version cannot speak; write starttls, and its port, usually 587" : $"is '{tls}'; write starttls or none");
        var port = tls == "none" ? 25 : 587;
        if (text($"{Key}:Port", "587") is { } given && (!int.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out port) || port is < 1 or > 65535))
            wrong($"{Key}:Port", $"is '{given}'; write a port, usually 587 with starttls");
        var (username, password) = (text($"{Key}:Username"), secret($"{Key}:Password", null));
        if (username is null != password is null)
            wrong(username is null ? $"{Key}:Username" : $"{Key}:Password", "is missing; a name and a password belong together");
        if (password is not null && tls == "none")
            wrong($"{Key}:Tls", "is none, and a password would be readable on its way; write starttls");
        var from = Address($"{Key}:From", text($"{Key}:From") ?? "");
        var to = (text($"{Key}:To") ?? string.Join(',', configuration.GetSection($"{Key}:To").GetChildren().Select(c => c.Value)))
            .Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(a => Address($"{Key}:To", a)).ToList();
        if (to.Count == 0)
            wrong($"{Key}:To", "is missing; give one or more addresses");
        return host is null || from is null || to.Contains(null) ? null
            : new() { Host = host, Port = port, From = from, To = [.. to.OfType<MailAddress>()], Username = username, Password = password, StartTls = tls != "none" };
    }

    private MailAddress? Address(string key, string given)
    {
        // The name before it may be of any language, the address itself may not: many servers take none.
        if (!given.Any(char.IsControl) && MailAddress.TryCreate(given, out var address) && address.Address.All(char.IsAscii))
            return address;
        wrong(key, $"is '{new string([.. given.Where(c => !char.IsControl(c))])}'; write an address such as geodr@example.com, or Name <geodr@example.com>");
        return null;
    }

    private IPEndPoint? Listen()
    {
        const string Key = "Geo:Metrics:Listen";
        if (text(Key) is not { } given)
            return null;
        if (IPEndPoint.TryParse(given, out var endpoint) && endpoint.Port != 0)
            return endpoint;
        wrong(Key, $"is '{given}'; write an address and a port, such as 127.0.0.1:9464 or [::1]:9464");
        return null;
    }

    private TimeSpan? Time(string key, TimeSpan least, TimeSpan most, string? otherwise = null)
    {
        if (text(key, otherwise) is not { } given)
            return null;
        if (Duration.TryParse(given, out var time) && time >= least && time <= most)
            return time;
        wrong(key, $"is '{given}'; write a time such as 30s, 5m or 4h, from {Duration.Format(least)} to {Duration.Format(most)}");
        return null;
    }

    private bool Flag(string key)
    {
        if (text(key, "false") is not { } given || bool.TryParse(given, out _))
            return text(key) is { } value && bool.Parse(value);
        wrong(key, $"is '{given}'; write true or false");
        return false;
    }
}
