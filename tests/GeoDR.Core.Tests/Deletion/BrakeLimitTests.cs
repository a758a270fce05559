using GeoDR.Deletion;

namespace GeoDR.Core.Tests.Deletion;

public sealed class BrakeLimitTests
{
    [Theory]
    [InlineData("5%", 100, 5)]
    [InlineData("5%", 3, 1)]
    [InlineData("5%", 0, 1)]
    [InlineData("5%", 1, 1)]
    [InlineData("5%", 4, 2)]
    [InlineData("5%", 10, 5)]
    [InlineData("5%", 101, 6)]
    [InlineData("0.5%", 1000, 5)]
    [InlineData("2", 10, 2)]
    [InlineData("100%", 7, 7)]
    [InlineData("0", 1000, 0)]
    [InlineData("12", 1000, 12)]
    public void Limit_OfASite_IsAShareOrANumber(string text, long total, long expected)
    {
        Assert.True(BrakeLimit.TryParse(text, out var limit));
        Assert.Equal(expected, limit.For(total));
        Assert.True(BrakeLimit.TryParse(limit.ToString(), out var again) && again == limit);
    }

    [Theory]
    [InlineData("0%")]
    [InlineData("101%")]
    [InlineData("-1")]
    [InlineData("5 tags")]
    [InlineData("")]
    [InlineData("%")]
    [InlineData("99999999999999999999")]
    public void Limit_ThatIsNone_IsRefused(string text) => Assert.False(BrakeLimit.TryParse(text, out _));
}
