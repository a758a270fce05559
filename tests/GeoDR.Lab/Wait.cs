using System.Diagnostics;

namespace GeoDR.Lab;

/// <summary>Waits on conditions, never on luck: a deadline that passes throws with what was seen last.</summary>
public static class Wait
{
    private static readonly TimeSpan s_shortest = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan s_longest = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Asks until the condition holds. An exception in the condition counts as "not yet"; the last one becomes the inner exception
    /// of the <see cref="LabException"/>. A <see cref="LabException"/> from the condition ends the wait at once.
    /// </summary>
    public static async Task UntilAsync(
        Func<CancellationToken, Task<bool>> condition,
        TimeSpan deadline,
        Func<string> describe,
        CancellationToken cancellationToken = default)
    {
        var watch = Stopwatch.StartNew();
        Exception? last = null;
        while (true)
        {
            var asked = watch.Elapsed;
            try
            {
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                var left = deadline - watch.Elapsed;
                limit.CancelAfter(left > TimeSpan.FromMilliseconds(100) ? left : TimeSpan.FromMilliseconds(100));
                if (await condition(limit.Token))
                {
                    return;
                }
            }
            catch (Exception e) when (e is not LabException && !cancellationToken.IsCancellationRequested)
            {
                last = e;
            }

            if (watch.Elapsed >= deadline)
            {
                throw new LabException($"after {deadline.TotalSeconds:0.#} s: {describe()}", last);
            }

            await Task.Delay(Rest(watch.Elapsed, watch.Elapsed - asked), TimeProvider.System, cancellationToken);
        }
    }

    /// <summary>Asking costs the processor time of what is waited for: a long wait asks less often, a costly question rests as long as it took.</summary>
    private static TimeSpan Rest(TimeSpan waited, TimeSpan took)
    {
        var rest = TimeSpan.FromTicks(Math.Max(took.Ticks, (waited / 20).Ticks));
        return rest < s_shortest ? s_shortest : rest > s_longest ? s_longest : rest;
    }

    /// <summary>The same for a condition that needs no waiting itself.</summary>
    public static Task UntilAsync(Func<bool> condition, TimeSpan deadline, Func<string> describe, CancellationToken cancellationToken = default) =>
        UntilAsync(_ => Task.FromResult(condition()), deadline, describe, cancellationToken);
}
