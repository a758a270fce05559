namespace GeoDR.SyncState;

/// <summary>
/// How slots are shared: fresh pushes may take every one, backfill all but one, and one backfill at least goes on. Neither keeps the
/// other waiting.
/// </summary>
public static class Sharing
{
    /// <param name="take">Takes up to so many rows of a priority; answers how many there were.</param>
    /// <returns>Whether any was taken.</returns>
    public static async Task<bool> FillAsync(int slots, int used, int backfills, Func<int, int, Task<int>> take)
    {
        var free = slots - used;
        if (free <= 0)
            return false;
        var first = backfills == 0 && slots > 1 ? await take(Transition.Backfill, 1) : 0;
        var fresh = free > first ? await take(Transition.Fresh, free - first) : 0;
        var room = Math.Min(free - first - fresh, Math.Max(1, slots - 1) - backfills - first);
        var more = room > 0 ? await take(Transition.Backfill, room) : 0;
        return first + fresh + more > 0;
    }
}
