using GeoDR.Registry;

namespace GeoDR.Deletion;

/// <summary>What one look at the primary says of one repository's candidates; each is in one of the lists, or nothing is known.</summary>
/// <param name="Present">At the primary.</param>
/// <param name="Missing">Not there, as far as one look can tell.</param>
/// <param name="ByWord">Released by an operator, and the primary has no repository left to ask.</param>
/// <param name="Doubtful">Missing with the whole repository, which proves nothing.</param>
/// <param name="Why">Of <paramref name="Doubtful"/>, or of nothing being known.</param>
public sealed record Verdict(
    IReadOnlyList<DeletionRow> Present, IReadOnlyList<DeletionRow> Missing, IReadOnlyList<DeletionRow> ByWord, IReadOnlyList<DeletionRow> Doubtful,
    string? Why, bool IsUnknown)
{
    internal static Verdict Unknown(string why) => new([], [], [], [], why, true);
}

/// <summary>Looks at the primary for one repository's candidates: which came back, which are missing, which nothing is known of.</summary>
public sealed class AbsenceCheck(DeletionQueue queue, PrimaryView primary)
{
    // What is young may still be listed by a registry that has not caught up with its own deletion.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    /// <summary>The id of one repository that was due; null when there is none.</summary>
    public async Task<long?> RunOnceAsync(DeletionPolicy policy, DateTimeOffset now, CancellationToken cancel)
    {
        if (await queue.TakeDueAsync(cancel) is not { Count: > 0 } rows)
            return null;
        var verdict = await JudgeAsync(rows, cancel);
        if (verdict.IsUnknown)
        {
            await queue.LaterAsync(rows, policy.ConfirmAfter, verdict.Why, cancel);
            return rows[0].RepositoryId;
        }
        var young = verdict.Present.Where(r => r.EventId is not null && now - r.RecordedAt < s_patience).ToList();
        await queue.LaterAsync(young, policy.ConfirmAfter, "the primary still has it", cancel);
        await queue.ReturnedAsync(verdict.Present.Except(young), cancel);
        await queue.MissedAsync(verdict.Missing, policy.ConfirmAfter, cancel);
        await queue.ConfirmAsync(verdict.ByWord, cancel);
        await HoldAsync(verdict, policy, cancel);
        return rows[0].RepositoryId;
    }

    /// <summary>Holds what is doubtful, with the mend.</summary>
    internal Task HoldAsync(Verdict verdict, DeletionPolicy policy, CancellationToken cancel) => verdict.Doubtful.Count == 0 ? Task.CompletedTask
        : queue.HoldAsync(verdict.Doubtful, Holds.Repository,
            $"{verdict.Why}; if it was deleted there, `geodr deletions release --repository {verdict.Doubtful[0].Repository}`", policy.ConfirmAfter * 10, cancel);

    /// <summary>Asks the primary now.</summary>
    /// <param name="rows">Of one repository.</param>
    internal async Task<Verdict> JudgeAsync(IReadOnlyList<DeletionRow> rows, CancellationToken cancel)
    {
        var name = rows[0].Repository;
        try
        {
            switch (await primary.AskAsync(name, cancel))
            {
                case PrimaryAnswer.Listed(var tags):
                    var (present, missing) = await SortAsync(name, rows, tags, cancel);
                    return new(present, missing, [], [], null, false);
                case PrimaryAnswer.Nothing(var doubt):
                    (present, missing) = await SortAsync(name, rows, new HashSet<string>(), cancel);
                    var why = doubt ?? (await queue.EveryTagHasAnEventAsync(rows[0].RepositoryId, name, cancel) ? null
                        : "the primary lists no tag of it, and not every tag here has a delete event");
                    var asked = missing.Where(r => r.ReleasedBy is null).ToList();
                    return new(present, why is null ? asked : [], [.. missing.Where(r => r.ReleasedBy is not null)], why is null ? [] : asked, why, false);
                case PrimaryAnswer.Unknown(var reason):
                    return Verdict.Unknown(reason);
                default:
                    throw new InvalidOperationException("an answer of no known kind");
            }
        }
        catch (RegistryException e)
        {
            return Verdict.Unknown(e.Message);
        }
    }

    private async Task<(List<DeletionRow> Present, List<DeletionRow> Missing)> SortAsync(
        string name, IReadOnlyList<DeletionRow> rows, IReadOnlySet<string> tags, CancellationToken cancel)
    {
        var (present, missing) = (new List<DeletionRow>(), new List<DeletionRow>());
        foreach (var row in rows)
            (tags.Contains(row.Reference) || row.IsDigest && await primary.HasAsync(name, row.Reference, cancel) ? present : missing).Add(row);
        return (present, missing);
    }
}
