using GeoDR.Configuration;
using Microsoft.Extensions.Configuration;

namespace GeoDR.Tests.Configuration;

/// <summary><c>Geo:Primary:Log</c> as a URL, and what belongs to it.</summary>
public sealed class PrimaryLogSettingsTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void Url_WithAKeyAndItsPeer_IsTaken()
    {
        var (settings, faults) = Read(("Geo:Primary:Log", "https://geodr.berlin.example/"));
        Assert.Empty(faults);
        Assert.Equal(("geodr.berlin.example", "berlin"), (settings.PrimaryLogUrl!.Host, settings.PrimaryLogPeer!.Name));
    }

    [Fact]
    public void ConnectionString_IsNoUrlAndNeedsNeither()
    {
        var (settings, faults) = Read(("Geo:Primary:Log", "Host=berlin;Database=geodr"), ("Geo:Site:KeyFile", null), ("Geo:Peers:berlin:Url", null), ("Geo:Peers:berlin:PublicKeyFile", null));
        Assert.Empty(faults);
        Assert.Null(settings.PrimaryLogUrl);
    }

    [Theory]
    [InlineData("Geo:Primary:Log", "http://geodr.berlin.example", "Geo:Primary:Log", "Geo:Primary:AllowHttp")]
    [InlineData("Geo:Primary:Log", "https://geodr.berlin.example/api/v1/log", "Geo:Primary:Log", "without a path")]
    [InlineData("Geo:Primary:Log", "https://user:secret@geodr.berlin.example", "Geo:Primary:Log", "without a path")]
    [InlineData("Geo:Primary:Log", "https://", "Geo:Primary:Log", "without a path")]
    [InlineData("Geo:Primary:Log", "https://geodr.elsewhere.example", "Geo:Peers", "geodr.elsewhere.example")]
    [InlineData("Geo:Primary:Log", "https://geodr.madrid.example", "Geo:Primary:Log", "this site's own")]
    [InlineData("Geo:Primary:Log", "ftp://geodr.berlin.example", "Geo:Primary:Log", "Host=")]
    [InlineData("Geo:Site:KeyFile", null, "Geo:Site:KeyFile", "geodr key new")]
    [InlineData("Geo:Peers:berlin:PublicKeyFile", null, "Geo:Peers:berlin:PublicKeyFile", "public key")]
    [InlineData("Geo:Primary:CaFile", "/not/there.pem", "Geo:Primary:CaFile", "not there")]
    [InlineData("Geo:Primary:AllowHttp", "perhaps", "Geo:Primary:AllowHttp", "true or false")]
    public void Fault_NamesTheKeyAndTheMend(string key, string? value, string named, string mend)
    {
        var (_, faults) = Read((key, value));
        var fault = Assert.Single(faults, f => f.Key == named);
        Assert.Contains(mend, fault.Mend, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", fault.Mend, StringComparison.Ordinal);
    }

    [Fact]
    public void CaFile_WithoutACertificate_IsAFault()
    {
        var (_, faults) = Read(("Geo:Primary:CaFile", _file));
        Assert.Equal("Geo:Primary:CaFile", Assert.Single(faults).Key);
    }

    private (GeoSettings Settings, IReadOnlyList<Fault> Faults) Read(params (string Key, string? Value)[] changed)
    {
        var all = new Dictionary<string, string?>
        {
            ["Geo:Site:Name"] = "madrid", ["Geo:Site:Role"] = "secondary", ["Geo:Site:Url"] = "https://geodr.madrid.example", ["Geo:Site:KeyFile"] = _file, ["Geo:Database"] = "Host=here",
            ["Geo:Registry:Url"] = "https://registry.madrid.example", ["Geo:Primary:Registry:Url"] = "https://registry.berlin.example",
            ["Geo:Primary:Log"] = "https://geodr.berlin.example", ["Geo:Peers:berlin:Url"] = "https://geodr.berlin.example", ["Geo:Peers:berlin:PublicKeyFile"] = _file,
        };
        foreach (var (key, value) in changed)
            all[key] = value;
        var reader = new SettingsReader(new ConfigurationBuilder().AddInMemoryCollection(all.Where(a => a.Value is not null)).Build());
        var settings = reader.Read();
        return (settings, [.. reader.Faults, .. PrimaryLogSettings.PeerFaults(settings, _ => false)]);
    }
}
