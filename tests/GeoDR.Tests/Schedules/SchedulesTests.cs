using System.Diagnostics;
using System.Text.Json;
using GeoDR.Lab;
using Npgsql;

namespace GeoDR.Tests.Schedules;

/// <summary>The schedules of a secondary with two nodes on one database: one killed in the middle of every run, and a time when neither was up.</summary>
public sealed class SchedulesTests(ITestOutputHelper output)
{
    private const int Images = 6;
    private const int Attempts = 120_000;
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(60);
    private static readonly string[] s_names = ["reconcile", "retention", "verify", "verify-deep"];

    private sealed record Run(string Schedule, string Cause, string[] Nodes, string Status, string Outcome, bool MadeUp, double Seconds);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Runs_OfAKilledNodeAndOfATimeWithoutNodes_AreFinishedAndMadeUpOnce()
    {
        await using var sites = await TwoSites.StartAsync(new() { CreateAdmin = false, Lease = TimeSpan.FromSeconds(2), Configure = Slow }, Stop);
        await using var source = NpgsqlDataSource.Create(sites.Secondary.ConnectionString);
        var one = sites.Secondary.Geo;
        await using var two = new GeoSite(one.Name, sites.Directory.PathOf("two"));
        foreach (var (key, value) in one.Settings.Where(s => s.Key != "Geo__Site__Url"))
            two.Settings[key] = value;
        two.Set("Reconcile:RequestsPerSecond", "0").Set("Verification:RequestsPerSecond", "1000");
        var starting = two.StartServeAsync(cancellationToken: Stop);
        for (var i = 0; i < Images; i++)
            await sites.Primary.Pusher.PushAsync($"team/app{i}", "v1", ImageSpec.Random(ImageKind.Oci, 4000 + i, layers: 1, size: 64), Stop);
        await UntilAsync(source, $"select count(*) = {Images} from repository where state = 2", one);

        await starting;
        await KillInTheMiddleAsync(source, sites.Secondary.Registry, one, two);
        await two.StopAsync();
        await MakeUpAsync(source, one);
    }

    private async Task KillInTheMiddleAsync(NpgsqlDataSource source, DistributionRegistry registry, GeoSite one, GeoSite two)
    {
        // Half was not looked at for long, the other half not read.
        await ExecuteAsync(source, """
            update verification set state = 2, wish = 0, whole_at = clock_timestamp() - case when repository_id % 2 = 0 then interval '10 days' else interval '0' end,
                deep_from = clock_timestamp() - case when repository_id % 2 = 1 then interval '40 days' else interval '0' end
            """);
        // Enough to remove that the kill comes while that goes on.
        await ExecuteAsync(source, $"""
            insert into attempt (repository_id, node, started_at, ended_at, bytes, requests, outcome)
            select (select min(id) from repository), 'long ago', t, t, 0, 0, 'synced' from (select clock_timestamp() - interval '60 days' as t from generate_series(1, {Attempts})) a
            """);
        // The other stands still for a moment: all of them begin on one node.
        two.Pause();
        await Task.WhenAll(s_names.Where(n => n != "retention").Select(async name => (await one.RunAsync("schedules", "run", name)).EnsureSuccess()));
        // All of them run and have done a part; a registry that stands still keeps them there.
        await UntilAsync(source, "select (select count(distinct slice_id) from verification where not slice_open) = 2 and (select count(*) from reconcile_run where status = 'running') = 1", one);
        registry.Pause();
        (await one.RunAsync("schedules", "run", "retention")).EnsureSuccess();
        await UntilAsync(source, $"select count(*) < {Attempts} from attempt where node = 'long ago'", one);
        two.Resume();
        await UntilAsync(source, "select count(*) = 2 from quartz.qrtz_scheduler_state", two);
        Assert.All(await RunsAsync(source), r => Assert.Equal("running", r.Status));
        var (first, second) = (one.Serve!.Id, two.Serve!.Id);
        one.Serve.Kill();
        registry.Resume();
        var killed = Stopwatch.GetTimestamp();
        await UntilAsync(source, "select count(*) = 4 from schedule_run where cardinality(nodes) = 2", two);
        output.WriteLine($"taken over after {Stopwatch.GetElapsedTime(killed).TotalSeconds:0.0} s (check-in 500 ms, lease 2 s)");
        await UntilAsync(source, "select not exists (select from schedule_run where status = 'running')", two);

        var runs = await RunsAsync(source);
        Assert.Equal(s_names, runs.Select(r => r.Schedule));
        Assert.All(runs, r => Assert.Equal(("hand", "done"), (r.Cause, r.Status)));
        Assert.All(runs, r => Assert.Equal([$"/{first}", $"/{second}"], r.Nodes.Select(n => n[n.LastIndexOf('/')..])));
        Assert.Equal(1L, await ScalarAsync(source, $"select count(*) from reconcile_run where status = 'done' and node like '%/{second}'"));
        Assert.Equal(1L, await ScalarAsync(source, "select count(*) from reconcile_run"));
        Assert.StartsWith($"{Images / 2} of {Images / 2} repositories checked: {Images / 2} well", runs[2].Outcome, StringComparison.Ordinal);
        Assert.StartsWith($"{Images / 2} of {Images / 2} repositories checked: {Images / 2} well", runs[3].Outcome, StringComparison.Ordinal);
        Assert.Equal(0L, await ScalarAsync(source, "select count(*) from attempt where node = 'long ago'"));
        Assert.Equal((long)Images / 2, await ScalarAsync(source, "select count(*) from verification where deep_at is not null"));
    }

    private async Task MakeUpAsync(NpgsqlDataSource source, GeoSite one)
    {
        // While nothing runs: another interval, a site that is older than it, and a schedule that this program does not know.
        await ExecuteAsync(source, """
            update site set created_at = created_at - interval '2 hours';
            insert into schedule (name, every) values ('old', '1 hour');
            insert into quartz.qrtz_job_details select (jsonb_populate_record(j, '{"job_name": "old"}')).* from quartz.qrtz_job_details j where job_name = 'verify'
            """);
        one.Set("Reconcile:Every", "1h").Set("Reconcile:RequestsPerSecond", "0");
        await one.StartServeAsync(cancellationToken: Stop);
        await UntilAsync(source, "select count(*) = 1 from schedule_run where schedule = 'reconcile' and cause = 'schedule' and status = 'done'", one);
        await UntilAsync(source, "select next_at between clock_timestamp() + interval '58 minutes' and clock_timestamp() + interval '1 hour' from schedule where name = 'reconcile'", one);
        Assert.Equal("drill,reconcile,retention,verify,verify-deep", await TextAsync(source, "select string_agg(job_name, ',' order by job_name) from quartz.qrtz_job_details"));
        await one.StopAsync();
        // As if nothing had run for a day.
        await ExecuteAsync(source, """
            update quartz.qrtz_triggers set next_fire_time = next_fire_time - 864000000000;
            update schedule_run set scheduled_at = scheduled_at - interval '1 day' where cause = 'schedule'
            """);
        await one.StartServeAsync(cancellationToken: Stop);
        await UntilAsync(source, "select count(*) = 2 from schedule_run where schedule = 'reconcile' and cause = 'schedule' and status = 'done'", one);
        var list = JsonDocument.Parse((await one.RunAsync("schedules", "list", "--json")).Output).RootElement.EnumerateArray().ToDictionary(s => s.GetProperty("name").GetString()!);
        Assert.Equal(["drill", .. s_names], list.Keys);
        Assert.True(list["reconcile"].GetProperty("last").GetProperty("madeUp").GetBoolean());
        Assert.Equal("Geo:Verification:Automatic is false", list["verify"].GetProperty("off").GetString());
        Assert.Equal(2L, await ScalarAsync(source, "select count(*) from schedule_run where schedule = 'reconcile' and cause = 'schedule'"));
        Assert.Equal(1L, await ScalarAsync(source, "select count(*) from schedule where name = 'reconcile' and next_at between clock_timestamp() + interval '58 minutes' and clock_timestamp() + interval '1 hour'"));
        await RunsAsync(source);
        var unknown = await one.RunAsync("schedules", "run", "none");
        Assert.Equal(1, unknown.ExitCode);
        Assert.Contains("there are drill, reconcile, retention, verify, verify-deep", unknown.Error, StringComparison.Ordinal);
    }

    private static void Slow(GeoSite site)
    {
        if (site.Name == TwoSites.SecondaryName)
            site.Set("Schedules:CheckIn", "500ms").Set("Reconcile:RequestsPerSecond", "1").Set("Reconcile:Settle", "500ms").Set("Verification:RequestsPerSecond", "4");
    }

    private async Task<List<Run>> RunsAsync(NpgsqlDataSource source)
    {
        var runs = new List<Run>();
        await using var command = source.CreateCommand("""
            select schedule, cause, nodes, status, coalesce(outcome, ''), started_at - due_at > interval '30 seconds', coalesce(extract(epoch from finished_at - started_at)::float8, 0)
            from schedule_run order by schedule, id
            """);
        await using var row = await command.ExecuteReaderAsync(Stop);
        while (await row.ReadAsync(Stop))
            runs.Add(new(row.GetString(0), row.GetString(1), row.GetFieldValue<string[]>(2), row.GetString(3), row.GetString(4), row.GetBoolean(5), row.GetDouble(6)));
        output.WriteLine("| schedule | cause | nodes | status | s | made up | outcome |\n|---|---|---|---|---|---|---|");
        foreach (var r in runs)
            output.WriteLine($"| {r.Schedule} | {r.Cause} | {string.Join(" → ", r.Nodes)} | {r.Status} | {r.Seconds:0.0} | {(r.MadeUp ? "yes" : "")} | {r.Outcome} |");
        return runs;
    }

    private static Task UntilAsync(NpgsqlDataSource source, string sql, GeoSite site) => Wait.UntilAsync(async token =>
    {
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync(token) is true;
    }, s_deadline, () => $"not so: {sql}\n{site.Serve?.LogTail(60)}", Stop);

    private static async Task ExecuteAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Stop);
    }

    private static async Task<long> ScalarAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync(Stop))!;
    }

    private static async Task<string?> TextAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync(Stop) as string;
    }
}
