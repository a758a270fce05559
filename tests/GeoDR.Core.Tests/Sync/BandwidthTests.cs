using GeoDR.Sync;

namespace GeoDR.Core.Tests.Sync;

public sealed class BandwidthTests
{
    [Fact]
    public async Task Take_OfOneProcess_KeepsToTheLimit()
    {
        var time = new JumpingTime(new(2024, 1, 1, 12, 0, 0, TimeSpan.Zero));
        var bandwidth = new Bandwidth(new BandwidthPlan(1000, []), time);
        for (var n = 0; n < 50; n++)
            await bandwidth.TakeAsync(100, TestContext.Current.CancellationToken);
        Assert.Equal(5, time.Elapsed.TotalSeconds, 3);
    }

    [Fact]
    public async Task Take_SharedByFour_IsAFourth()
    {
        var time = new JumpingTime(new(2024, 1, 1, 12, 0, 0, TimeSpan.Zero));
        var bandwidth = new Bandwidth(new BandwidthPlan(1000, []), time);
        bandwidth.SharedBy(4);
        await bandwidth.TakeAsync(1000, TestContext.Current.CancellationToken);
        Assert.Equal(4, time.Elapsed.TotalSeconds, 3);
    }

    [Fact]
    public async Task Take_AfterAPause_HasNothingSavedUp()
    {
        var time = new JumpingTime(new(2024, 1, 1, 12, 0, 0, TimeSpan.Zero));
        var bandwidth = new Bandwidth(new BandwidthPlan(1000, []), time);
        time.Jump(TimeSpan.FromHours(1));
        await bandwidth.TakeAsync(2000, TestContext.Current.CancellationToken);
        Assert.Equal(3602, time.Elapsed.TotalSeconds, 3);
    }

    [Theory]
    [InlineData("21:59", 1000)]
    [InlineData("22:00", 5000)]
    [InlineData("05:59", 5000)]
    [InlineData("06:00", 1000)]
    [InlineData("12:30", null)]
    public void Plan_WithWindows_FollowsTheTimeOfDay(string at, int? limit)
    {
        var plan = new BandwidthPlan(1000, [new(new(22, 0), new(6, 0), 5000), new(new(12, 0), new(13, 0), null)]);
        Assert.Equal(limit, plan.At(TimeOnly.Parse(at, System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Fact]
    public async Task Take_WhenNothingLimits_DoesNotWait()
    {
        var time = new JumpingTime(new(2024, 1, 1, 12, 30, 0, TimeSpan.Zero));
        await new Bandwidth(BandwidthPlan.Unlimited, time).TakeAsync(int.MaxValue, TestContext.Current.CancellationToken);
        Assert.Equal(TimeSpan.Zero, time.Elapsed);
    }
}
