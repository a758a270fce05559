namespace GeoDR.Deletion;

/// <summary>What one pass did.</summary>
/// <param name="More">There may be more to do at once.</param>
/// <param name="Braked">The brake stopped something that it had not stopped before.</param>
public readonly record struct DeletionOutcome(bool More, bool Braked);

/// <summary>
/// One pass over the candidates: into quarantine, a look at the primary, the brake, and the deletion. All that it knows is in the
/// database, and every step names the state it starts from: any number of nodes may run it.
/// </summary>
public sealed class DeletionPass(
    DeletionQueue queue, AbsenceCheck check, Brake brake, DeletionWork work, DeletionPolicy policy, TimeProvider time)
{
    // The more is known before the brake is asked, the better it judges; but no pass goes on for ever.
    private const int MostLooks = 50;

    public async Task<DeletionOutcome> RunOnceAsync(CancellationToken cancel)
    {
        await queue.QuarantineAsync(policy.Quarantine, cancel);
        var looked = new HashSet<long>();
        while (looked.Count < MostLooks && await check.RunOnceAsync(policy, time.GetUtcNow(), cancel) is { } repository && looked.Add(repository))
        {
        }
        var braked = await brake.RunOnceAsync(policy.Brake, cancel);
        var worked = await work.RunOnceAsync(policy, cancel);
        return new(looked.Count == MostLooks || worked, braked);
    }
}
