using GeoDR.SyncState;

namespace GeoDR.Core.Tests.SyncState;

public sealed class TransitionTests
{
    private static readonly DateTimeOffset s_now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly Remaining s_nothing = new(0, 0, null, null, s_now);

    [Fact]
    public void After_NothingWaitsAndFullIsDone_IsSyncedWithoutRetries() =>
        Assert.Equal(
            new RowUpdate(RepositoryState.Synced, 0, 0, null, 5, null),
            Transition.After(new WorkResult(5, null, false), s_nothing, 5, 0, null, 3, 0));

    [Fact]
    public void After_FullWantedAgainMeanwhile_IsPendingAtLowerPriority() =>
        Assert.Equal(
            new RowUpdate(RepositoryState.Pending, Transition.Backfill, 0, null, 5, null),
            Transition.After(new WorkResult(5, null, false), s_nothing, 6, 0, null, 0, 0));

    [Fact]
    public void After_ReferenceChangedMeanwhile_IsPendingAndFresh() =>
        Assert.Equal(
            new RowUpdate(RepositoryState.Pending, Transition.Fresh, 0, null, 5, null),
            Transition.After(new WorkResult(5, null, false), s_nothing with { Waiting = 1, WaitingFrom = s_now }, 5, 0, null, 0, 0));

    [Fact]
    public void After_ReferenceFailed_IsFailedWithItsTimeToRetry() =>
        Assert.Equal(
            new RowUpdate(RepositoryState.Failed, Transition.Backfill, 3, s_now.AddSeconds(40), 5, null),
            Transition.After(new WorkResult(5, null, true), s_nothing with { Failed = 1, RetryFrom = s_now.AddSeconds(40) }, 5, 0, null, 2, 0));

    [Fact]
    public void After_TerminalFailureOfTheListing_WaitsForAChange()
    {
        var update = Transition.After(
            new WorkResult(null, new Failure(FailureKind.Terminal, "refused", "no"), false), s_nothing, 5, 0, null, 0, 0);
        Assert.Equal((RepositoryState.Failed, null), (update.State, update.RetryAt));
    }

    [Fact]
    public void After_RetryableFailureOfTheListing_IsRetriedLater()
    {
        var update = Transition.After(
            new WorkResult(null, new Failure(FailureKind.Retryable, "error", "500"), false), s_nothing, 5, 0, null, 1, 0);
        Assert.Equal((RepositoryState.Failed, s_now.AddSeconds(16 + 15)), (update.State, update.RetryAt));
    }

    [Theory]
    [InlineData(1, 0, 16)]
    [InlineData(3, 0, 96)]
    [InlineData(3, 0.5, 111)]
    [InlineData(50, 0, 3600)]
    public void RetryDelay_GrowsToAnHour(int tries, double jitter, double seconds) =>
        Assert.Equal(seconds, Transition.RetryDelay(tries, jitter).TotalSeconds);

    [Theory]
    [InlineData(0, 100)]
    [InlineData(1, 200)]
    [InlineData(30, 2000)]
    public void LinkDelay_DoublesToTwoSeconds(int tries, double milliseconds) =>
        Assert.Equal(milliseconds, Transition.LinkDelay(tries).TotalMilliseconds);
}
