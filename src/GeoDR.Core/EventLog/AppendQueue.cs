using System.Threading.Channels;

namespace GeoDR.EventLog;

/// <summary>Gathers concurrent requests into one append, so that many senders share one commit.</summary>
public sealed class AppendQueue(
    Func<IReadOnlyList<NewEvent>, IReadOnlyList<QuarantinedBody>, CancellationToken, Task> append, TimeProvider time)
{
    private const int EventsPerAppend = 500;

    private sealed record Item(IReadOnlyList<NewEvent> Events, QuarantinedBody? Quarantined, TaskCompletionSource<bool> Done);

    private readonly Channel<Item> _items = Channel.CreateBounded<Item>(
        new BoundedChannelOptions(10_000) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    /// <summary>
    /// True once everything is committed; false when that was not known within <paramref name="within"/>. A sender that is
    /// told false sends again, and what was committed late is skipped by its id.
    /// </summary>
    public async Task<bool> AppendAsync(IReadOnlyList<NewEvent> events, QuarantinedBody? quarantined, TimeSpan within, CancellationToken cancel)
    {
        var done = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!_items.Writer.TryWrite(new Item(events, quarantined, done)))
            return false;
        try
        {
            return await done.Task.WaitAsync(within, time, cancel);
        }
        catch (TimeoutException)
        {
            // Unless it was committed in this very moment, nobody begins with it any more.
            return !done.TrySetResult(false) && await done.Task;
        }
    }

    /// <summary>Appends until cancelled; a failed append answers its requests and goes on with the next.</summary>
    public async Task RunAsync(Action<Exception> onError, CancellationToken cancel)
    {
        var gathered = new List<Item>();
        while (await _items.Reader.WaitToReadAsync(cancel))
        {
            gathered.Clear();
            var events = 0;
            while (events < EventsPerAppend && _items.Reader.TryRead(out var item))
            {
                // Its sender was told to come again already.
                if (item.Done.Task.IsCompleted)
                    continue;
                gathered.Add(item);
                events += item.Events.Count;
            }
            if (gathered.Count > 0)
                await AppendGatheredAsync(gathered, onError, cancel);
        }
    }

    private async Task AppendGatheredAsync(List<Item> gathered, Action<Exception> onError, CancellationToken cancel)
    {
        try
        {
            List<NewEvent> events = gathered.Count == 1 ? [.. gathered[0].Events] : [.. gathered.SelectMany(i => i.Events)];
            await append(events, [.. gathered.Select(i => i.Quarantined).OfType<QuarantinedBody>()], cancel);
            gathered.ForEach(i => i.Done.TrySetResult(true));
        }
        catch (Exception e)
        {
            gathered.ForEach(i => i.Done.TrySetResult(false));
            if (cancel.IsCancellationRequested)
                return;
            onError(e);
        }
    }
}
