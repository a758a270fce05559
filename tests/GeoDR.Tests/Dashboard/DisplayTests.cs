using GeoDR.Dashboard;

namespace GeoDR.Tests.Dashboard;

public sealed class DisplayTests
{
    [Theory]
    [InlineData(-3, "0 s")]
    [InlineData(0.42, "0.4 s")]
    [InlineData(12.7, "12 s")]
    [InlineData(60, "1 min")]
    [InlineData(200, "3 min 20 s")]
    [InlineData(7500, "2 h 5 min")]
    [InlineData(349_200, "4 d 1 h")]
    public void Age_OfSeconds_SaysTwoLargestUnits(double seconds, string said) => Assert.Equal(said, Display.Age(seconds));

    [Theory]
    [InlineData(0, "just now")]
    [InlineData(12, "12 s ago")]
    [InlineData(-200, "in 3 min 20 s")]
    public void Relative_PastAndFuture_SaysDirection(int secondsAgo, string said)
    {
        var now = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        Assert.Equal(said, Display.Relative(now.AddSeconds(-secondsAgo), now));
    }

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(440_401_920, "420 MiB")]
    public void Bytes_OfSize_SaysBinaryUnit(long bytes, string said) => Assert.Equal(said, Display.Bytes(bytes));

    [Theory]
    [InlineData(0, 0, "–")]
    [InlineData(0, 3, "unknown")]
    [InlineData(2048, 3, "2 KiB")]
    public void BytesWaiting_OfUnknownSizes_IsNeverZero(long bytes, long references, string said) =>
        Assert.Equal(said, Display.BytesWaiting(bytes, references));
}
