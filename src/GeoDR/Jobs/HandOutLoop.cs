using GeoDR.Hosting;
using GeoDR.Sync;
using GeoDR.SyncState;
using Npgsql;

namespace GeoDR.Jobs;

/// <summary>For an engine with a queue of its own: hands it rows that wait, as many as all workers together have slots for.</summary>
internal sealed class HandOutLoop(
    JobOffers offers, IJobQueue queue, SyncJobs jobs, Claims claims, NpgsqlDataSource source, ILogger<HandOutLoop> logger, TimeProvider time)
    : RowLoop(jobs, claims, source, logger, time)
{
    /// <summary>How long an offer stands that no job takes up: a second or two is what the way through the queue takes.</summary>
    public static TimeSpan Lasts { get; } = TimeSpan.FromSeconds(10);

    protected override string Name => "the hand-out of jobs";

    protected override async Task<bool> BeginAsync(CancellationToken cancel)
    {
        var use = await offers.ReadAsync(cancel);
        return await Sharing.FillAsync(use.Slots, use.Used, use.Backfills, async (priority, atMost) =>
        {
            var offered = await offers.OfferAsync(priority, atMost, cancel);
            foreach (var (id, name) in offered)
                queue.Sync(id, name);
            return offered.Count;
        });
    }
}
