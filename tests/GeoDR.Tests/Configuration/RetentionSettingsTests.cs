using GeoDR.Configuration;
using Microsoft.Extensions.Configuration;

namespace GeoDR.Tests.Configuration;

public sealed class RetentionSettingsTests
{
    [Theory]
    [InlineData("500MB", 500_000_000L)]
    [InlineData("1.5 GB", 1_500_000_000L)]
    [InlineData("1GiB", 1_073_741_824L)]
    [InlineData("10", 10L)]
    public void Size_ThatIsOne_IsRead(string text, long expected)
    {
        Assert.True(ByteSize.TryParse(text, out var size));
        Assert.Equal(expected, size);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("-1GB")]
    [InlineData("1e30TB")]
    [InlineData("99999999999TB")]
    [InlineData("GB")]
    [InlineData("")]
    public void Size_ThatIsNone_IsRefused(string text) => Assert.False(ByteSize.TryParse(text, out _));

    [Fact]
    public void Limits_ThatAreWrong_AreEachNamedWithTheMend()
    {
        var wrong = new Dictionary<string, string?>
        {
            ["Geo:Retention:Attempts"] = "5m", ["Geo:Retention:AttemptsPerRepository"] = "0", ["Geo:Retention:Audit"] = "12h", ["Geo:Retention:History"] = "for ever",
            ["Geo:Retention:Quarantine"] = "-1d", ["Geo:Retention:QuarantineBytes"] = "1MB", ["Geo:Retention:Charts"] = "1d",
            ["Geo:Log:MaxBytes"] = "10", ["Geo:Log:MaxEvents"] = "999", ["Geo:Log:ReaderSilence"] = "1s",
        };
        var reader = new SettingsReader(new ConfigurationBuilder().AddInMemoryCollection(wrong).Build());
        reader.Read();
        Assert.Equal(wrong.Keys.Order(), reader.Faults.Select(f => f.Key).Where(k => k.StartsWith("Geo:Retention", StringComparison.Ordinal) || k.StartsWith("Geo:Log", StringComparison.Ordinal)).Order());
    }

    [Fact]
    public void Limits_ThatAreGiven_AreTaken()
    {
        var given = new Dictionary<string, string?>
        {
            ["Geo:Retention:Attempts"] = "2h", ["Geo:Retention:Audit"] = "800d", ["Geo:Retention:QuarantineBytes"] = "none", ["Geo:Log:MaxBytes"] = "none", ["Geo:Log:KeepFor"] = "0s",
        };
        var settings = new SettingsReader(new ConfigurationBuilder().AddInMemoryCollection(given).Build()).Read();
        Assert.Equal(
            (TimeSpan.FromHours(2), TimeSpan.FromDays(800), long.MaxValue, TimeSpan.FromDays(90), (long?)null, TimeSpan.Zero),
            (settings.Retention.Attempts, settings.Retention.Audit, settings.Retention.QuarantineBytes, settings.Retention.History, settings.Log.MaxBytes, settings.Log.KeepFor));
    }
}
