using System.Diagnostics;

namespace GeoDR.Lab;

/// <summary>Waits on conditions, never on luck: a deadline that passes throws with what was seen last.</summary>
public static class Wait
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(25);

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

            await Task.Delay(s_interval, TimeProvider.System, cancellationToken);
        }
    }

    /// <summary>The same for a condition that needs no waiting itself.</summary>
    public static Task UntilAsync(Func<bool> condition, TimeSpan deadline, Func<string> describe, CancellationToken cancellationToken = default) =>
        UntilAsync(_ => Task.FromResult(condition()), deadline, describe, cancellationToken);
}
