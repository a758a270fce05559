using GeoDR.Status;

namespace GeoDR.Hosting;

/// <summary>Takes the samples of the site's charts. Every node tries; the first of each step writes it.</summary>
internal sealed class HistoryLoop(StatusReader status, History history, ILogger<HistoryLoop> logger, TimeProvider time) : PassLoop(logger, time)
{
    protected override string Name => "the history";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        if (await status.ReadAsync(cancel) is { } now)
            await history.TakeAsync(now, cancel);
        return false;
    }

    // A moment after each step has ended, by the clock that most nodes share with their database.
    protected override Task RestAsync(CancellationToken cancel)
    {
        var into = TimeSpan.FromTicks(Time.GetUtcNow().UtcTicks % History.Step.Ticks);
        return Task.Delay(History.Step - into + TimeSpan.FromMilliseconds(200), Time, cancel);
    }
}
