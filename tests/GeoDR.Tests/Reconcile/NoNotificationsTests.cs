using GeoDR.Lab;
using Npgsql;

namespace GeoDR.Tests.Reconcile;

/// <summary>A primary whose registry has no notification endpoint: comparing it at a short interval is the only source.</summary>
public sealed class NoNotificationsTests
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task PushesMovesAndDeletions_ArriveByReconcileAlone_AndRunsDoNotPileUp()
    {
        await using var sites = await TwoSites.StartAsync(new()
        {
            CreateAdmin = false,
            PrimaryNotifies = false,
            // A run that finds something takes longer than the interval: its second reading comes a second after the first.
            Configure = site => _ = site.Name == TwoSites.PrimaryName
                ? site.Set("Reconcile:Every", "1s").Set("Reconcile:Settle", "1s").Set("Notifications:Secrets:0", null)
                : site.Set("Deletion:Quarantine", "none").Set("Deletion:ConfirmAfter", "300ms").Set("Deletion:Brake", "100"),
        }, Stop);
        var images = new List<PushedImage>();
        foreach (var (repository, tag) in new[] { ("team/app", "v1"), ("team/other", "v1"), ("team/other", "v2") })
            images.Add(await PushAsync(sites, repository, tag, images.Count));
        foreach (var image in images)
            await sites.WaitForArrivalAsync(image, s_deadline, Stop);

        var moved = await PushAsync(sites, "team/app", "v1", 10);
        Assert.True(await sites.Primary.Pusher.DeleteAsync("team/other", images[2].Digest, Stop));
        await sites.WaitForArrivalAsync(moved, s_deadline, Stop);
        await Wait.UntilAsync(
            async token => await sites.Secondary.Client.ResolveAsync("team/other", "v2", token) is null, s_deadline,
            () => $"the deletion did not arrive\n{sites.Secondary.Geo.Serve?.LogTail(30)}", Stop);

        await using var source = NpgsqlDataSource.Create(sites.Primary.ConnectionString);
        Assert.Equal(0L, await CountAsync(source, "select count(*) from event where origin <> 'reconcile'"));
        // What a run finds arrives before the run has ended. Those that found something did take longer than the interval.
        await Wait.UntilAsync(
            async _ => await CountAsync(source, "select count(*) from reconcile_run where status = 'done'") >= 2
                && await CountAsync(source, "select count(*) from reconcile_run where finished_at - started_at > interval '1 second'") > 0,
            s_deadline, () => "no two runs have ended, one of them after more than a second", Stop);
        // None began while another ran.
        Assert.Equal(0L, await CountAsync(source, "select count(*) from reconcile_run a join reconcile_run b on b.id > a.id and b.started_at < a.finished_at"));
        Assert.True(await CountAsync(source, "select count(*) from reconcile_run where status in ('wanted', 'running')") <= 2);
        var status = await sites.Primary.Geo.RunAsync("status");
        Assert.DoesNotContain("sends no notifications", status.Output, StringComparison.Ordinal);
        Assert.Equal(0, status.ExitCode);
    }

    private static Task<PushedImage> PushAsync(TwoSites sites, string repository, string tag, int seed) =>
        sites.Primary.Pusher.PushAsync(repository, tag, ImageSpec.Random(ImageKind.Oci, 95_000 + seed, layers: 1, size: 64), Stop);

    private static async Task<long> CountAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync(Stop))!;
    }
}
