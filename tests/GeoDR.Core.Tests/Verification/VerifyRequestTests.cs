using GeoDR.Core.Tests.Postgres;
using GeoDR.SyncState;
using GeoDR.Verification;

namespace GeoDR.Core.Tests.Verification;

/// <summary>Checks asked for on many repositories, as a request that is watched and stopped.</summary>
public sealed class VerifyRequestTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private Requests Requests => new(Database.Source);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await Database.ExecuteAsync("""
            insert into repository (name, state, full_wanted, last_synced_at) select 'team/' || i, 2, 0, now() - interval '2 hours' from generate_series(1, 5) i;
            insert into repository (name, state, full_wanted) values ('other', 3, 0);
            insert into verification (repository_id, state, wish, checked_from, checked_at, whole_at)
                select id, 2, 0, now() - interval '1 hour', now(), now() from repository where name <> 'team/5';
            update verification set state = 3, failure = 'broken' where repository_id = 4;
            """);
    }

    [Fact]
    public async Task Reverify_OfMany_IsMarkedInBatches_AndDoneWhenAllAreChecked()
    {
        var id = await Requests.ReverifyAsync(new(RepositoryState.Synced, "team/\0"), deep: true, "ann", Stop);
        await ApplyAsync(id, 2);
        Assert.Equal((2L, 2L, "running", true), await ShownAsync(id));
        await ApplyAsync(id, 2);
        await ApplyAsync(id, 2);
        Assert.False(await ApplyAsync(id, 2));
        Assert.Equal((5L, 5L, "running", true), await ShownAsync(id));
        Assert.Equal(5L, await Database.ScalarAsync<long>("select count(*) from verification where state = 0 and wish = 2"));
        await Database.ExecuteAsync("update verification set state = 2, wish = 0, asked_at = null where repository_id <= 3");
        await ApplyAsync(id, 2);
        Assert.Equal((5L, 2L, "running", true), await ShownAsync(id));
        await Database.ExecuteAsync("update verification set state = 2, wish = 0, asked_at = null");
        await ApplyAsync(id, 2);
        Assert.Equal((5L, null, "done", true), await ShownAsync(id));
        Assert.False(await Requests.StopAsync(id, "ann", Stop));
    }

    [Fact]
    public async Task Stop_WhileChecksWait_CallsOffThoseThatHaveNotBegun()
    {
        var id = await Requests.ReverifyAsync(RowFilter.All, deep: true, "ann", Stop);
        await ApplyAsync(id, 100);
        Assert.Equal((6L, 6L, "running", true), await ShownAsync(id));
        // The first is being checked, the second was synced since, the fifth was never looked at.
        await Database.ExecuteAsync("update verification set state = 1, doing = wish, wish = 0 where repository_id = 1; update repository set last_synced_at = now() where id = 2");
        Assert.True(await Requests.StopAsync(id, "ann", Stop));
        Assert.Equal((6L, null, "stopped", true), await ShownAsync(id));
        Assert.Equal(
            ["1: 1 0", "2: 0 1", "3: 2 0", "4: 3 0", "5: 0 1", "6: 0 1"],
            await Database.ColumnAsync<string>("select repository_id || ': ' || state || ' ' || wish from verification where asked_at is null order by repository_id"));
        Assert.False(await new VerifyRequests(Database.Source).ApplyAsync(await OneAsync(id), 100, Stop));
    }

    [Fact]
    public async Task Requests_ByVerificationCauseAndPause_MarkThoseThatMatch()
    {
        await Database.ExecuteAsync("""
            insert into failure (repository_id, reference, kind, cause, message) select 6, r, 'retryable', 'denied', 'no' from unnest(array['v1', 'v2']) r;
            update repository set paused = true where id = 2
            """);
        await ApplyAsync(await Requests.ReverifyAsync(new(Verification: VerificationState.Failed), false, "ann", Stop), 10);
        Assert.Equal(["4"], await Database.ColumnAsync<string>("select repository_id::text from verification where asked_at is not null"));
        await Requests.ApplyRowsAsync(await OneAsync(await Requests.ResyncAsync(new(Cause: "denied"), "ann", Stop)), 10, Stop);
        await Requests.ApplyRowsAsync(await OneAsync(await Requests.ResyncAsync(new(Paused: true, Search: "team"), "ann", Stop)), 10, Stop);
        Assert.Equal(["2", "6"], await Database.ColumnAsync<string>("select id::text from repository where state = 0 order by id"));
        var shown = (await Requests.ListAsync(running: false, 10, Stop)).Select(r => (r.Scope, r.State, r.Search, r.Verification, r.Cause, r.Paused, r.Marked, r.Status));
        Assert.Equal(
            [("filter", null, "team", null, null, true, 1, "done"), ("filter", null, null, null, "denied", null, 1, "done"),
                ("filter", null, null, VerificationState.Failed, null, (bool?)null, 1L, "running")], shown);
    }

    private async Task<bool> ApplyAsync(long id, int batch) => await new VerifyRequests(Database.Source).ApplyAsync(await OneAsync(id), batch, Stop);

    private async Task<Request> OneAsync(long id) => (await Requests.ListAsync(running: false, 10, Stop)).Single(r => r.Id == id);

    private async Task<(long, long?, string, bool)> ShownAsync(long id)
    {
        var request = await OneAsync(id);
        return (request.Marked, request.Left, request.Status, request.Deep);
    }
}
