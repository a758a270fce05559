using GeoDR.Configuration;
using Microsoft.Extensions.Configuration;

namespace GeoDR.Tests.Configuration;

/// <summary>The settings of targets, alerts and metrics: each fault names its key, and no secret.</summary>
public sealed class AlertSettingsTests
{
    [Fact]
    public void Settings_ThatAreRight_AreTaken()
    {
        var (settings, faults) = Read(
            ("Targets:Age", "5m"), ("Targets:Bytes", "10GiB"), ("Targets:Rules:0:Pattern", "team/**"), ("Targets:Rules:0:Age", "1m"), ("Targets:Rules:1:Pattern", "x"), ("Targets:Rules:1:Bytes", "1.5kB"),
            ("Alerts:Every", "10s"), ("Alerts:Remind", "0"), ("Alerts:Webhook:Url", "https://hooks.example/a?sig=b"), ("Alerts:Webhook:Secret", "s"),
            ("Alerts:Mail:Host", "mail.example"), ("Alerts:Mail:From", "Süd <geodr@example.com>"), ("Alerts:Mail:To", "a@example.com, b@example.com"), ("Alerts:Mail:Username", "u"), ("Alerts:Mail:Password", "p"),
            ("Metrics:Listen", "[::1]:9464"));
        Assert.Empty(faults);
        var alerts = settings.Alerts;
        Assert.Equal(
            [(null, TimeSpan.FromMinutes(5), 10L << 30), ("team/**", TimeSpan.FromMinutes(1), null), ("x", null, 1500L)],
            alerts.Targets.Select(t => (t.Pattern?.Text, t.Age, t.Bytes)));
        Assert.Equal((TimeSpan.FromSeconds(10), TimeSpan.Zero, 9464), (alerts.Every, alerts.Remind, alerts.MetricsListen!.Port));
        Assert.Equal(("?sig=b", "s"), (new Uri(alerts.Webhook!.Url.Value).Query, alerts.Webhook.Secret?.Value));
        Assert.Equal((587, true, 2, "Süd"), (alerts.Mail!.Port, alerts.Mail.StartTls, alerts.Mail.To.Count, alerts.Mail.From.DisplayName));
        Assert.DoesNotContain("sig=b", $"{alerts.Webhook} {alerts} {settings}", StringComparison.Ordinal);
        Assert.True(Read().Settings.Alerts is { Targets: [], Webhook: null, Mail: null, MetricsListen: null });
    }

    [Theory]
    [InlineData("Targets:Age", "soon")]
    [InlineData("Targets:Age", "1s")]
    [InlineData("Targets:Bytes", "-1")]
    [InlineData("Targets:Bytes", "10 apples")]
    [InlineData("Targets:Bytes", "99999999TB")]
    [InlineData("Targets:Size", "1")]
    [InlineData("Targets:Rules:0:Pattern", "a b", "Targets:Rules:0:Age=1m")]
    [InlineData("Targets:Rules:0", "", "Targets:Rules:0:Pattern=a")]
    [InlineData("Targets:Rules:0:Ages", "1m", "Targets:Rules:0:Pattern=a", "Targets:Rules:0:Age=1m")]
    [InlineData("Alerts:Remind", "-1h")]
    [InlineData("Alerts:Webhook:Url", "hidden")]
    [InlineData("Alerts:Webhook:Url", "http://hidden.example/x")]
    [InlineData("Alerts:Webhook:Url", "https://user:hidden@example.com/x")]
    [InlineData("Alerts:Webhook:Url", "ftp://hidden.example")]
    [InlineData("Alerts:Webhook:Urls", "https://hidden.example")]
    [InlineData("Alerts:Mail:Host", "no host", "Alerts:Mail:From=a@example.com", "Alerts:Mail:To=a@example.com")]
    [InlineData("Alerts:Mail:From", "a@example.com\r\nBcc: b@example.com", "Alerts:Mail:Host=x", "Alerts:Mail:To=a@example.com")]
    [InlineData("Alerts:Mail:From", "nobody", "Alerts:Mail:Host=x", "Alerts:Mail:To=a@example.com")]
    [InlineData("Alerts:Mail:To", "ä@example.com", "Alerts:Mail:Host=x", "Alerts:Mail:From=a@example.com")]
    [InlineData("Alerts:Mail:Tls", "implicit", "Alerts:Mail:Host=x", "Alerts:Mail:From=a@example.com", "Alerts:Mail:To=a@example.com")]
    [InlineData("Alerts:Mail:Tls", "none", "Alerts:Mail:Host=x", "Alerts:Mail:From=a@example.com", "Alerts:Mail:To=a@example.com", "Alerts:Mail:Username=u", "Alerts:Mail:Password=hidden")]
    [InlineData("Alerts:Mail:Password", "", "Alerts:Mail:Host=x", "Alerts:Mail:From=a@example.com", "Alerts:Mail:To=a@example.com", "Alerts:Mail:Username=u")]
    [InlineData("Metrics:Listen", "9464")]
    [InlineData("Metrics:Listen", "127.0.0.1:0")]
    public void Setting_ThatIsWrong_IsNamed(string key, string value, params string[] others)
    {
        var (_, faults) = Read([(key, value), .. others.Select(o => (o.Split('=')[0], o.Split('=')[1]))]);
        Assert.Contains(faults, f => f.Key == $"Geo:{key}");
        Assert.DoesNotContain(faults, f => f.ToString().Contains("hidden", StringComparison.Ordinal));
    }

    private static (GeoSettings Settings, IReadOnlyList<Fault> Faults) Read(params IReadOnlyList<(string Key, string Value)> settings)
    {
        var reader = new SettingsReader(new ConfigurationBuilder().AddInMemoryCollection(
            new List<(string Key, string Value)> { ("Site:Name", "here"), ("Site:Role", "primary"), ("Database", "Host=x"), ("Notifications:Secrets", "s") }.Concat(settings)
                .Where(s => s.Value.Length > 0).Select(s => KeyValuePair.Create($"Geo:{s.Key}", (string?)s.Value))).Build());
        return (reader.Read(), reader.Faults);
    }
}
