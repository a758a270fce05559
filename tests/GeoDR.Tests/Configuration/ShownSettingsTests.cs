using GeoDR.Configuration;
using Microsoft.Extensions.Configuration;

namespace GeoDR.Tests.Configuration;

/// <summary>Settings as people may see them: what applies, where it comes from, and no secret.</summary>
public sealed class ShownSettingsTests
{
    private static readonly Dictionary<string, string?> s_given = new()
    {
        ["Geo:Site:Name"] = "berlin", ["Geo:Site:Role"] = "primary", ["Geo:Database"] = "Host=db;Password=hidden-1", ["Geo:Notifications:Secrets:0"] = "hidden-2",
        ["Geo:Registry:Url"] = "https://registry.example", ["Geo:Registry:Username"] = "geodr", ["Geo:Registry:Password"] = "hidden-3",
        ["Geo:Alerts:Webhook:Url"] = "https://chat.example/hidden-4", ["Geo:Alerts:Webhook:Secret"] = "hidden-5", ["Geo:Sync:Workers"] = "3",
        ["Geo:Failover:FenceCommand:0"] = "/usr/bin/fence", ["Geo:Failover:FenceCommand:1"] = "hidden-6",
        ["Geo:Filter:Exclude"] = "a/**,b/**",
    };

    [Fact]
    public void Shown_IsWhatApplies_WithWhereItComesFrom()
    {
        var shown = Read().ToDictionary(s => s.Key);
        Assert.Equal(("3", "other"), (shown["Geo:Sync:Workers"].Value, shown["Geo:Sync:Workers"].Source));
        Assert.Equal(("15m", "default"), (shown["Geo:Notifications:Silence"].Value, shown["Geo:Notifications:Silence"].Source));
        Assert.Equal("a/**,b/**", shown["Geo:Filter:Exclude"].Value);
        Assert.Equal("/usr/bin/fence … (1 more)", shown["Geo:Failover:FenceCommand"].Value);
        Assert.Equal((null, "default"), (shown["Geo:Site:Url"].Value, shown["Geo:Site:Url"].Source));
        Assert.All(["Geo:Database", "Geo:Registry:Password", "Geo:Alerts:Webhook:Url", "Geo:Notifications:Secrets"], key => Assert.Equal((true, "set"), (shown[key].IsSecret, shown[key].Value)));
        Assert.True(shown["Geo:Primary:Log"] is { IsSecret: true, Value: null });
    }

    [Fact]
    public void Shown_HoldsNoSecret() => Assert.DoesNotContain(Read(), s => s.ToString().Contains("hidden", StringComparison.Ordinal));

    private static IReadOnlyList<ShownSetting> Read() =>
        new SettingsReader(new ConfigurationBuilder().Add(new Given()).Build()).Read().Shown;

    private sealed class Given : ConfigurationProvider, IConfigurationSource
    {
        public Given() => Data = new Dictionary<string, string?>(s_given, StringComparer.OrdinalIgnoreCase);

        public IConfigurationProvider Build(IConfigurationBuilder builder) => this;

        public override string ToString() => "other";
    }
}
