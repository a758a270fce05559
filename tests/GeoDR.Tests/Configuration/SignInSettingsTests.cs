using System.Net;
using GeoDR.Configuration;
using Microsoft.Extensions.Configuration;

namespace GeoDR.Tests.Configuration;

/// <summary>Sign-in by a proxy's header is off, or whole.</summary>
public sealed class SignInSettingsTests
{
    private static readonly (string, string)[] s_whole =
        [("Header", "X-User"), ("GroupsHeader", "X-Groups"), ("Admin", "ops"), ("Viewer:0", "all"), ("Viewer:1", "staff"), ("TrustedProxies", "10.1.2.3, 10.9.0.0/16,fd00::/8, ::ffff:192.0.2.1")];

    [Fact]
    public void Whole_IsTaken_AndTrustsWhatItNames()
    {
        var (settings, faults) = Read(s_whole);
        Assert.Empty(faults);
        foreach (var (address, trusted) in new[]
        {
            ("10.1.2.3", true), ("10.1.2.4", false), ("10.9.255.1", true), ("::ffff:10.1.2.3", true), ("fd00::1", true), ("fe80::1", false), ("127.0.0.1", false), ("192.0.2.1", true),
        })
            Assert.Equal((address, trusted), (address, settings.Trusts(IPAddress.Parse(address))));
        Assert.False(settings.Trusts(null));
        Assert.Equal(("admin", "viewer", null, null), (settings.RoleOf(["staff", "ops"]), settings.RoleOf(["all"]), settings.RoleOf(["OPS"]), settings.RoleOf([])));
    }

    [Theory]
    [InlineData("TrustedProxies", null, "TrustedProxies")]
    [InlineData("TrustedProxies", "0.0.0.0/0", "TrustedProxies")]
    [InlineData("TrustedProxies", "proxy.example", "TrustedProxies")]
    [InlineData("GroupsHeader", null, "GroupsHeader")]
    [InlineData("GroupsHeader", "x-user", "GroupsHeader")]
    [InlineData("Header", null, "Header")]
    [InlineData("Header", "Authorization", "Header")]
    [InlineData("Header", "X User", "Header")]
    [InlineData("Password", "x", "Password")]
    public void Part_StopsTheStart_WithTheKeyNamed(string key, string? value, string named)
    {
        var (_, faults) = Read([.. s_whole.Where(s => s.Item1 != key), .. value is null ? [] : new[] { (key, value) }]);
        Assert.Contains(faults, f => f.Key == $"Geo:SignIn:{named}");
    }

    [Fact]
    public void Unset_TrustsNobody()
    {
        var (settings, faults) = Read([]);
        Assert.Empty(faults);
        Assert.False(settings.Trusts(IPAddress.Loopback));
    }

    private static (SignInSettings Settings, IReadOnlyList<Fault> Faults) Read((string Key, string Value)[] given)
    {
        var reader = new SettingsReader(new ConfigurationBuilder().AddInMemoryCollection(given.ToDictionary(g => $"Geo:SignIn:{g.Key}", g => (string?)g.Value)).Build());
        return (reader.Read().SignIn, [.. reader.Faults.Where(f => f.Key.StartsWith("Geo:SignIn", StringComparison.Ordinal))]);
    }
}
