using GeoDR.Core.Tests.EventLog;
using GeoDR.Core.Tests.Postgres;
using GeoDR.EventLog;
using GeoDR.Inventory;

namespace GeoDR.Core.Tests.Inventory;

public sealed class InventoryTests(PostgresFixture postgres) : DatabaseTest(postgres, "primary")
{
    private static readonly string s_other = "sha256:" + new string('2', 64);

    private InventoryStore Store => new(Database.Source);

    [Fact]
    public async Task Fold_PushesAndDeletes_LeavesWhatStands()
    {
        await AppendAsync(
            Events.Push("a", "v1"), Events.Push("a", "v1", digest: s_other), Events.Push("a", "v2"), Events.Push("a", null, bytes: null),
            Events.Delete("a", "v2"), Events.Push("b", "v1"), Events.Delete("b", "v1"), Events.Push("b", "v1", digest: s_other));
        await FoldAsync();
        Assert.Equal(new Dictionary<string, string> { ["v1"] = s_other }, await Store.TagsAsync("a", Stop));
        Assert.Equal(new Dictionary<string, string> { ["v1"] = s_other }, await Store.TagsAsync("b", Stop));
        Assert.Equal((s_other, true, false), await Store.LookUpAsync("a", "v1", Events.Digest, Stop));
        // A push that did not say its bytes does not forget those that another said.
        Assert.Equal([100L, 100L], await Database.ColumnAsync<long>("select bytes from manifest where repository = 'a' order by digest"));
    }

    [Fact]
    public async Task Fold_ManyPages_FoldsEachEventOnce()
    {
        await AppendAsync([.. Enumerable.Range(0, 2500).Select(i => Events.Push($"r{i % 50}", $"t{i}"))]);
        await FoldAsync();
        Assert.Equal(2500L, await Database.ScalarAsync<long>("select count(*) from tag"));
        Assert.Equal(2500L, await Database.ScalarAsync<long>("select event_id from inventory_position"));
        await Database.ExecuteAsync("delete from tag");
        await AppendAsync(Events.Push("new", "v1"));
        await FoldAsync();
        Assert.Equal(1L, await Database.ScalarAsync<long>("select count(*) from tag"));
    }

    [Fact]
    public async Task Fold_TwoNodesAtOnce_LeavesNothingOut()
    {
        await AppendAsync([.. Enumerable.Range(0, 3000).Select(i => Events.Push($"r{i % 50}", $"t{i}"))]);
        await Task.WhenAll(FoldAsync(), FoldAsync());
        await FoldAsync();
        Assert.Equal(3000L, await Database.ScalarAsync<long>("select count(*) from tag"));
    }

    [Fact]
    public async Task Fold_DeleteByDigest_TakesTheTagsThatPointedThere()
    {
        await AppendAsync(Events.Push("a", "v1"), Events.Push("a", "v2", digest: s_other), Events.Delete("a", null, Events.Digest));
        await FoldAsync();
        Assert.Equal((null, false, false), await Store.LookUpAsync("a", "v9", Events.Digest, Stop));
        Assert.Equal(["v2"], (await Store.TagsAsync("a", Stop)).Keys);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Fold_DeleteByDigest_TakesTagsAsTheyStoodThen(bool onePage)
    {
        NewEvent[] events =
        [
            Events.Push("moved", "v1"), Events.Push("moved", "v1", digest: s_other), Events.Delete("moved", null, Events.Digest),
            Events.Push("gone", "v1", digest: s_other), Events.Push("gone", "v1"), Events.Delete("gone", null, Events.Digest),
            Events.Push("again", "v1"), Events.Push("again", "v2"), Events.Delete("again", null, Events.Digest), Events.Push("again", "v2"),
        ];
        foreach (var part in onePage ? [events] : events.Chunk(1))
        {
            await AppendAsync(part);
            await FoldAsync();
        }
        Assert.Equal(new Dictionary<string, string> { ["v1"] = s_other }, await Store.TagsAsync("moved", Stop));
        Assert.Empty(await Store.TagsAsync("gone", Stop));
        Assert.Equal(["v2"], (await Store.TagsAsync("again", Stop)).Keys);
        Assert.Equal((null, true, false), await Store.LookUpAsync("again", "v1", Events.Digest, Stop));
        Assert.Equal((null, false, false), await Store.LookUpAsync("moved", "v9", Events.Digest, Stop));
    }

    [Fact]
    public async Task Forget_OneRepository_LeavesTheOthers()
    {
        await AppendAsync(Events.Push("a", "v1"), Events.Push("b", "v1"));
        await FoldAsync();
        await Store.ForgetAsync("a", Stop);
        Assert.Equal((null, false, false), await Store.LookUpAsync("a", "v1", Events.Digest, Stop));
        Assert.Equal((Events.Digest, true, false), await Store.LookUpAsync("b", "v1", Events.Digest, Stop));
        Assert.Equal(["b"], await Store.RepositoriesAsync("", 10, Stop));
    }

    private Task AppendAsync(params IReadOnlyList<NewEvent> events) => new LogAppender(Database.Source).AppendAsync(events, [], Stop);

    private async Task FoldAsync()
    {
        while (await new InventoryFold(Database.Source).RunOnceAsync(Stop))
        {
        }
    }
}
