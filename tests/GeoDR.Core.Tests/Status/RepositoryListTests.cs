using GeoDR.Core.Tests.Postgres;
using GeoDR.Status;
using GeoDR.SyncState;

namespace GeoDR.Core.Tests.Status;

/// <summary>The list of repositories: every filter, every order, page by page in both directions.</summary>
public sealed class RepositoryListTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private RepositoryList List => new(Database.Source);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        // Of each kind some with equal times, some without a time, and one that is tried again only when asked.
        await Database.ExecuteAsync("""
            insert into repository (name, state, paused, pending_since, last_synced_at, retry_at)
            select 'team-' || i % 3 || '/app_' || i, i % 4, i = 7,
                case when i % 4 < 2 then now() - make_interval(mins => i / 5) end,
                case when i % 5 > 0 then now() - make_interval(hours => i % 7) end,
                case when i % 4 = 3 then case when i = 11 then 'infinity' else now() + make_interval(mins => i % 6) end end
            from generate_series(1, 40) i;
            insert into verification (repository_id, state) select id, id % 4 from repository where id <= 20;
            insert into failure (repository_id, reference, kind, cause, message)
                select id, r, 'retryable', case when id > 20 then 'no answer' else 'denied' end, 'broken' from repository, unnest(array['v1', 'v2']) r where state = 3;
            insert into tag (repository, name, digest) select name, 'v1', 'd' || id from repository;
            insert into manifest (repository, digest, bytes) select name, 'd' || id, 1000 from repository where id <= 30;
            insert into waiting_reference (repository_id, reference, event_id, bytes) select id, 'v2', 1, 10 from repository where state = 0
            """);
    }

    [Theory]
    [InlineData("name")]
    [InlineData("-name")]
    [InlineData("lastSynced")]
    [InlineData("-lastSynced")]
    [InlineData("waiting")]
    [InlineData("-waiting")]
    [InlineData("nextTry")]
    [InlineData("-nextTry")]
    public async Task Pages_InEveryOrder_HoldEachRowOnce_ThereAndBack(string sort)
    {
        var order = RepositoryOrder.Parse(sort)!;
        var all = (await List.ListAsync(RowFilter.All, order, null, false, 1000, Stop)).Rows;
        Assert.Equal(40, all.Count);
        Assert.Equal(await ExpectedAsync(order), all.Select(r => r.Id));

        var there = await WalkAsync(order, backwards: false);
        Assert.Equal(all.Select(r => r.Id), there.SelectMany(p => p));
        var back = await WalkAsync(order, backwards: true);
        Assert.Equal(all.Select(r => r.Id), back.AsEnumerable().Reverse().SelectMany(p => p));
        Assert.Equal((6, 6), (there.Count, back.Count));
    }

    [Theory]
    [InlineData(null, "app_1", null, null, null, 11)]
    [InlineData(null, "/APP", null, null, null, 0)]
    [InlineData(null, "%", null, null, null, 0)]
    [InlineData(null, "_3", null, null, null, 11)]
    [InlineData(null, "\\", null, null, null, 0)]
    [InlineData(null, "'; drop table repository; --", null, null, null, 0)]
    [InlineData(3, null, null, null, null, 10)]
    [InlineData(null, null, 3, null, null, 5)]
    [InlineData(null, null, null, "denied", null, 5)]
    [InlineData(3, "team-1", null, "no answer", null, 1)]
    [InlineData(null, null, null, "no such", null, 0)]
    [InlineData(null, null, null, null, true, 1)]
    [InlineData(3, null, 3, null, false, 4)]
    public async Task Filters_TogetherAndAlone_CountAndListTheSame(int? state, string? search, int? verification, string? cause, bool? paused, int rows)
    {
        var filter = new RowFilter((RepositoryState?)state, search, (VerificationState?)verification, cause, paused);
        foreach (var sort in Enum.GetValues<RepositorySort>())
            Assert.Equal(rows, (await List.ListAsync(filter, new(sort, true), null, false, 100, Stop)).Rows.Count);
        Assert.Equal(rows, await List.CountAsync(filter, 100, Stop));
        Assert.Equal(Math.Min(rows, 3), await List.CountAsync(filter, 3, Stop));
    }

    [Fact]
    public async Task Totals_OfAFilter_CountRowsAndBytes()
    {
        Assert.Equal(new(40, 30_000, 100), await List.TotalsAsync(RowFilter.All, Stop));
        Assert.Equal(new(10, 8000, 0), await List.TotalsAsync(new(RepositoryState.Synced), Stop));
        Assert.Equal(new(0, 0, 0), await List.TotalsAsync(new(Search: "nothing"), Stop));
        Assert.Equal(["denied", "no answer"], await List.CausesAsync(Stop));
    }

    [Fact]
    public async Task Totals_OfManyRows_AreEstimatedFromASample()
    {
        await Database.ExecuteAsync("""
            insert into repository (name, state, last_synced_at) select 'many/' || i, 2, now() from generate_series(1, 9000) i;
            insert into tag (repository, name, digest) select name, 'v1', 'd' || id from repository where name like 'many/%';
            insert into manifest (repository, digest, bytes) select name, 'd' || id, 1000 from repository where name like 'many/%'
            """);
        var totals = await List.TotalsAsync(new(Search: "many/"), Stop);
        Assert.Equal(9000, totals.Rows);
        Assert.InRange(totals.Bytes, 8_900_000, 9_100_000);
    }

    [Fact]
    public async Task Place_OfARowThatMovedOrIsGone_LosesNothing()
    {
        var order = new RepositoryOrder(RepositorySort.LastSynced, true);
        var first = await List.ListAsync(RowFilter.All, order, null, false, 10, Stop);
        await Database.ExecuteAsync($"update repository set last_synced_at = now() where id = {first.Rows[^1].Id}; delete from repository where id = {first.Rows[0].Id}");
        var rest = await List.ListAsync(RowFilter.All, order, first.Next, false, 100, Stop);
        Assert.Equal(30, rest.Rows.Count);
        Assert.Empty(rest.Rows.Select(r => r.Id).Intersect(first.Rows.Select(r => r.Id)));
    }

    [Fact]
    public async Task Search_AfterRepositoriesCameAndWent_FindsThoseThatAreHere()
    {
        await Database.ExecuteAsync("""
            insert into repository (name) values ('new/kept'), ('new/gone'), ('team-1/app_1') on conflict (name) do update set priority = 0;
            delete from repository where name = 'new/gone'
            """);
        Assert.Equal(["new/kept"], (await List.ListAsync(new(Search: "new/"), RepositoryOrder.ByName, null, false, 10, Stop)).Rows.Select(r => r.Name));
        Assert.Equal(0L, await Database.ScalarAsync<long>(
            "select count(*) from repository r full join repository_name n on n.repository_id = r.id where r.name is distinct from n.name"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("made-up")]
    [InlineData("team-1/app_1")]
    [InlineData("bmFtZSA3IA")] // "name 7 ": no name
    [InlineData("bmFtZSAtNyBh")] // "name -7 a"
    [InlineData("bmFtZSA3IGEA")] // "name 7 a\0"
    [InlineData("bmFtZSA3IGE=")] // "name 7 a", but padded
    [InlineData("c2l6ZSA3IGE")] // "size 7 a"
    [InlineData("d2FpdGluZyA3IHg")] // "waiting 7 x"
    [InlineData("d2FpdGluZyA3IDk5OTk5OTk5OTk5OTk5OTk5OTk")] // "waiting 7 9999999999999999999"
    [InlineData("d2FpdGluZyA3IC0x")] // "waiting 7 -1"
    [InlineData("bmFtZSA3IP8")] // not UTF-8
    public void Cursor_MadeUp_IsNone(string text) => Assert.Null(RepositoryCursor.Parse(text));

    [Fact]
    public void Cursor_OfAList_IsReadAsItWasWritten()
    {
        foreach (var cursor in new RepositoryCursor[]
        {
            new(RepositoryOrder.ByName, "a b/ü", 3), new(new(RepositorySort.NextTry, true), DateTime.MaxValue, long.MaxValue), new(new(RepositorySort.Waiting, false), null, 9),
        })
            Assert.Equal(cursor, RepositoryCursor.Parse(cursor.ToString()));
        Assert.Null(RepositoryCursor.Parse(new string('a', 100_000)));
    }

    private async Task<List<long[]>> WalkAsync(RepositoryOrder order, bool backwards)
    {
        var pages = new List<long[]>();
        for (RepositoryCursor? from = null; pages.Count == 0 || from is not null;)
        {
            var page = await List.ListAsync(RowFilter.All, order, from, backwards, 7, Stop);
            pages.Add([.. page.Rows.Select(r => r.Id)]);
            Assert.Equal(pages.Count > 1, (backwards ? page.Next : page.Previous) is not null);
            from = backwards ? page.Previous : page.Next;
            from = from is null ? null : RepositoryCursor.Parse(from.ToString());
        }
        return pages;
    }

    private Task<List<long>> ExpectedAsync(RepositoryOrder order)
    {
        var column = order.Sort switch
        {
            RepositorySort.Name => "name",
            RepositorySort.LastSynced => "last_synced_at",
            RepositorySort.Waiting => "pending_since",
            _ => "case when state in (0, 3) then retry_at end",
        };
        var way = order.Descending ? "desc" : "asc";
        return Database.ColumnAsync<long>($"select id from repository order by {column} {way} nulls last, id {way}");
    }
}
