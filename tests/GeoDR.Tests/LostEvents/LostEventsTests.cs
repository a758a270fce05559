using GeoDR.Lab;

namespace GeoDR.Tests.LostEvents;

/// <summary>The classic lost event of a log whose ids are handed out before the commits, and what keeps it away.</summary>
[Trait("Category", "Slow")]
public sealed class LostEventsTests(ITestOutputHelper output)
{
    private static readonly SemaphoreSlim s_kill = new(1, 1);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Events_ThroughKills_AreEachTakenOnce()
    {
        // GEODR_LOST_EVENTS=100000 is the whole proof; here it shares ten minutes with all others.
        var events = int.TryParse(Environment.GetEnvironmentVariable("GEODR_LOST_EVENTS"), out var asked) ? asked : 8_000;
        await using var rig = await LogRig.StartAsync(searchPath: null, Stop);
        var kills = new Queue<(double At, Func<Task> Kill)>(
        [
            (0.2, () => KillFollowerAsync(rig, 0)), (0.4, () => KillPrimaryAsync(rig)), (0.5, () => KillIntakeAsync(rig)),
            (0.6, () => KillFollowerAsync(rig, 1)), (0.7, () => KillFollowerAsync(rig, 2)), (0.8, () => KillPrimaryAsync(rig)),
        ]);
        await rig.SendAsync(events, 25, share => DueAsync(kills, share), Stop);
        Assert.Empty(kills);
        Assert.Equal(events, await rig.CountEventsAsync(Stop));
        foreach (var follower in rig.Followers)
        {
            await rig.WaitUntilReadAsync(follower, Stop);
            var (missed, twice) = await LogRig.CheckAsync(follower, events, Stop);
            output.WriteLine($"{follower.Name}: {events} events, {missed} missed, {twice} taken twice");
            Assert.Equal((0, 0), (missed, twice));
        }
    }

    /// <summary>The control of the test above: by hand, since it says nothing new about the program.</summary>
    [Fact(Explicit = true)]
    public async Task WithoutTheAppendsLock_EventsAreMissed()
    {
        // The same, with pg_advisory_xact_lock shadowed by a function that does nothing: if nothing were missed now, the test
        // above would prove nothing.
        const int AtOnce = 2_000;
        const int Most = 20_000;
        await using var rig = await LogRig.StartAsync(searchPath: "public,pg_catalog", Stop);
        var all = 0L;
        for (var events = AtOnce; all == 0 && events <= Most; events += AtOnce)
        {
            await rig.SendAsync(AtOnce, 25, _ => Task.CompletedTask, Stop, events - AtOnce);
            Assert.Equal(events, await rig.CountEventsAsync(Stop));
            foreach (var follower in rig.Followers)
            {
                await rig.WaitUntilReadAsync(follower, Stop);
                var (missed, twice) = await LogRig.CheckAsync(follower, events, Stop);
                output.WriteLine($"{follower.Name}, without the lock: {events} events, {missed} missed, {twice} taken twice");
                all += missed;
            }
        }
        Assert.True(all > 0, "nothing was missed without the lock");
    }

    [Fact]
    public async Task SiteRestoredFromADump_IsNoticedAndReconciled()
    {
        await using var sites = await TwoSites.StartAsync(new TwoSitesOptions { CreateAdmin = false }, Stop);
        await PushAndArriveAsync(sites, "restored/before", 1);
        var (primaryDump, secondaryDump) = (await DumpAsync(sites.Primary), await DumpAsync(sites.Secondary));
        await PushAndArriveAsync(sites, "restored/after", 2);

        // The secondary's: what came since is read again from the log, and found in its registry.
        await sites.Secondary.Geo.StopAsync();
        await sites.Secondary.Postgres.RestoreAsync(Site.Database, secondaryDump, Stop);
        await sites.Secondary.Geo.StartServeAsync(cancellationToken: Stop);
        await Wait.UntilAsync(
            async token => await ScalarAsync<long>(sites.Secondary, "select count(*) from repository where name = 'restored/after' and state = 2") == 1,
            TimeSpan.FromSeconds(30), () => $"the restored secondary does not know what came after the dump\n{sites.Secondary.Geo.Serve?.LogTail(40)}", Stop);

        // Logged while nobody read, and forgotten with the restore: only the registry still knows.
        await sites.Secondary.Geo.StopAsync();
        var unread = await sites.Primary.Pusher.PushAsync("restored/unread", "v1", ImageSpec.Random(ImageKind.Oci, 3), Stop);
        await Wait.UntilAsync(
            async token => await sites.Primary.Registry.ReadPendingNotificationsAsync(token) == 0, TimeSpan.FromSeconds(10), () => "the registry still has notifications", Stop);
        await sites.Primary.Geo.StopAsync();
        await sites.Primary.Postgres.RestoreAsync(Site.Database, primaryDump, Stop);
        await sites.Primary.Geo.StartServeAsync(cancellationToken: Stop);
        await sites.Secondary.Geo.StartServeAsync(cancellationToken: Stop);
        await sites.WaitForArrivalAsync(unread, TimeSpan.FromSeconds(30), Stop);
        await PushAndArriveAsync(sites, "restored/later", 4);
        await sites.WaitUntilEqualAsync(TimeSpan.FromSeconds(30), cancellationToken: Stop);
        var reasons = await ScalarAsync<string>(sites.Secondary, "select string_agg(reason, '; ') from request where kind = 'backfill'");
        output.WriteLine(reasons);
        Assert.Contains("rewound or restored", reasons, StringComparison.Ordinal);

        async Task<string> DumpAsync(Site site)
        {
            // The user postgres writes it.
            var file = Path.Combine(Path.GetDirectoryName(site.Postgres.DataDirectory)!, "geodr.dump");
            await site.Postgres.DumpAsync(Site.Database, file, Stop);
            return file;
        }
    }

    private static async Task<T> ScalarAsync<T>(Site site, string sql)
    {
        await using var source = Npgsql.NpgsqlDataSource.Create(site.ConnectionString);
        await using var command = source.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Stop))!;
    }

    private static async Task PushAndArriveAsync(TwoSites sites, string repository, int seed) =>
        await sites.WaitForArrivalAsync(
            await sites.Primary.Pusher.PushAsync(repository, "v1", ImageSpec.Random(ImageKind.Oci, seed), Stop), TimeSpan.FromSeconds(30), Stop);

    private static async Task DueAsync(Queue<(double At, Func<Task> Kill)> kills, double share)
    {
        (double At, Func<Task> Kill) due;
        lock (kills)
        {
            if (kills.Count == 0 || kills.Peek().At > share)
                return;
            due = kills.Dequeue();
        }
        // One after another: a follower that is only just starting is not killed again.
        await s_kill.WaitAsync(Stop);
        try
        {
            await due.Kill();
        }
        finally
        {
            s_kill.Release();
        }
    }

    private static async Task KillPrimaryAsync(LogRig rig)
    {
        await rig.Primary.KillAsync();
        await rig.Primary.StartAgainAsync(Stop);
    }

    // The one that a follower reads the log from.
    private static async Task KillIntakeAsync(LogRig rig)
    {
        rig.Intakes[0].Kill();
        await rig.Intakes[0].StartServeAsync(cancellationToken: Stop);
    }

    private static async Task KillFollowerAsync(LogRig rig, int follower)
    {
        rig.Followers[follower].Geo.Kill();
        await rig.Followers[follower].Geo.StartServeAsync(cancellationToken: Stop);
    }
}
