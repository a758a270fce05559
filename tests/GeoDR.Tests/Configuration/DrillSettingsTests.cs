using GeoDR.Configuration;
using Microsoft.Extensions.Configuration;

namespace GeoDR.Tests.Configuration;

public sealed class DrillSettingsTests
{
    [Fact]
    public void Drill_ThatIsWrong_IsNamedKeyByKey()
    {
        foreach (var (key, value) in new[]
        {
            ("Every", "1s"), ("Every", "often"), ("Repositories", "0"), ("Repositories", "-1"), ("Repositories", "many"), ("Repositories", "99999999999"), ("BytesPerSecond", "fast"), ("Tags", "1"),
        })
            Assert.Equal($"Geo:Drill:{key}", Assert.Single(Read((key, value)).Faults, f => f.Key.StartsWith("Geo:Drill", StringComparison.Ordinal)).Key);
    }

    [Fact]
    public void Drill_ThatIsGiven_IsTaken()
    {
        var drill = Read(("Every", "7d"), ("Repositories", "all"), ("BytesPerSecond", "unlimited")).Settings.Drill;
        Assert.Equal((TimeSpan.FromDays(7), (int?)null, (double?)null), (drill.Every, drill.Repositories, drill.BytesPerSecond));
        drill = Read().Settings.Drill;
        Assert.Equal((TimeSpan.Zero, (int?)20, (double?)20e6), (drill.Every, drill.Repositories, drill.BytesPerSecond));
    }

    private static (GeoSettings Settings, IReadOnlyList<Fault> Faults) Read(params (string Key, string Value)[] given)
    {
        var reader = new SettingsReader(new ConfigurationBuilder().AddInMemoryCollection(given.ToDictionary(g => $"Geo:Drill:{g.Key}", g => (string?)g.Value)).Build());
        return (reader.Read(), reader.Faults);
    }
}
