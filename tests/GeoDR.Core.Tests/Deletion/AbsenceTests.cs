using GeoDR.Core.Tests.Postgres;
using GeoDR.Deletion;
using GeoDR.Lab.Faults;
using GeoDR.Lab.Registries;
using LabRegistry = GeoDR.Lab.Registries.LabRegistry;

namespace GeoDR.Core.Tests.Deletion;

/// <summary>When the primary's answers are believed, with the lab's registry on both sides: it deletes by tag.</summary>
public sealed class AbsenceTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private readonly LabImage _one = LabImage.Create("one", 100);
    private readonly LabImage _two = LabImage.Create("two", 100);
    private LabRegistry _own = null!;
    private DeletionRig _rig = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _own = await LabRegistry.StartAsync();
        _rig = new DeletionRig(Database, await LabRegistry.StartAsync(), _own.Url);
        await _rig.HoldAsync("app/other", "v1", _two, atPrimary: true, Stop);
    }

    public override async ValueTask DisposeAsync()
    {
        await _rig.DisposeAsync();
        await _own.DisposeAsync();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Tag_DeletedAtThePrimary_IsDeletedHere_WithItsEventInTheAudit()
    {
        await _rig.HoldAsync("app/a", "v1", _one, atPrimary: false, Stop);
        await _rig.HoldAsync("app/a", "v2", _two, atPrimary: true, Stop);
        await _rig.DeletedAsync("app/a", "v1");
        await _rig.RunAsync(Stop);
        Assert.Equal(["v2"], await _rig.TagsAsync("app/a", Stop));
        var entry = Assert.Single(await _rig.DeletedHereAsync(Stop));
        Assert.Equal(("geodr", "app/a", "v1", _one.Digest, 1, "by tag"), (entry.Who, entry.Repository, entry.Reference, entry.Digest, entry.EventId, entry.Detail));
        Assert.Empty(await _rig.StatesAsync());
        Assert.Equal(["v2"], await Database.ColumnAsync<string>("select name from tag where repository = 'app/a'"));
        // The repository stands where it stood, and nothing waits for a worker.
        Assert.Equal(2, await Database.ScalarAsync<short>("select state from repository where name = 'app/a'"));
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from waiting_reference"));
    }

    [Fact]
    public async Task Tag_ThatOnlyAListingLacks_Goes_WhileOthersAreListed()
    {
        await _rig.HoldAsync("app/a", "v1", _one, atPrimary: false, Stop);
        await _rig.HoldAsync("app/a", "v2", _two, atPrimary: true, Stop);
        await _rig.NotListedAsync("app/a", "v1");
        await _rig.RunAsync(Stop);
        Assert.Equal(["v2"], await _rig.TagsAsync("app/a", Stop));
        Assert.Null(Assert.Single(await _rig.DeletedHereAsync(Stop)).EventId);
    }

    [Fact]
    public async Task Tag_ThatIsStillAtThePrimary_IsNoCandidateAnyMore()
    {
        await _rig.HoldAsync("app/a", "v1", _one, atPrimary: true, Stop);
        await _rig.DeletedAsync("app/a", "v1");
        await _rig.RunAsync(Stop);
        Assert.Equal(["v1"], await _rig.TagsAsync("app/a", Stop));
        Assert.Empty(await _rig.StatesAsync());
    }

    [Fact]
    public async Task Tag_ThatComesBackAfterTheProof_Stays()
    {
        await _rig.HoldAsync("app/a", "v1", _one, atPrimary: true, Stop);
        await _rig.HoldAsync("app/a", "v2", _two, atPrimary: true, Stop);
        await Database.ExecuteAsync("""
            insert into waiting_deletion (repository_id, reference, event_id, state, released_by) select id, 'v1', 1, 'approved', 'ann' from repository where name = 'app/a'
            """);
        await _rig.RunAsync(Stop);
        Assert.Equal(["v1", "v2"], await _rig.TagsAsync("app/a", Stop));
        Assert.Empty(await _rig.StatesAsync());
    }

    [Theory]
    [InlineData(500, "/v2/app/a/tags/list")]
    [InlineData(401, "/v2/app/a/tags/list")]
    [InlineData(429, "/v2/app/a/tags/list")]
    [InlineData(404, "/v2/app/a/manifests/v2")]
    [InlineData(500, "/v2/app/a/manifests/v2")]
    public async Task Listing_ThatFails_OrPullsNothing_DeletesNothing(int status, string path)
    {
        await _rig.HoldAsync("app/a", "v1", _one, atPrimary: false, Stop);
        await _rig.HoldAsync("app/a", "v2", _two, atPrimary: true, Stop);
        _rig.Primary.Switches.AnswerNext(100_000, status, null, path, status == 429 ? TimeSpan.FromMinutes(5) : null);
        await _rig.DeletedAsync("app/a", "v1");
        await LooksAsync(2);
        Assert.Equal(["v1", "v2"], await _rig.TagsAsync("app/a", Stop));
        Assert.Equal(["v1 quarantined"], await _rig.StatesAsync());
        Assert.False(await Database.ScalarAsync<bool>("select missed_at is not null from waiting_deletion"));

        _rig.Primary.Switches.ClearScripted();
        await _rig.RunAsync(Stop);
        Assert.Equal(["v2"], await _rig.TagsAsync("app/a", Stop));
    }

    [Fact]
    public async Task Listing_ThatIsSilentlyShort_DeletesNothing()
    {
        var primary = await LabRegistry.StartAsync();
        await using var proxy = await HttpFaultProxy.StartAsync(primary.Url);
        await using var rig = new DeletionRig(Database, primary, _own.Url, proxy.Url);
        foreach (var tag in new[] { "v1", "v2" })
            await rig.HoldAsync("app/a", tag, _one, atPrimary: true, Stop);
        proxy.Add(new HttpFaultRule { Path = "/v2/app/a/tags/list", Status = 200, Body = """{"name":"app/a","tags":["v2"]}""" });
        await rig.NotListedAsync("app/a", "v1");
        await rig.RunAsync(Stop);
        Assert.Equal(["v1", "v2"], await rig.TagsAsync("app/a", Stop));
        Assert.Empty(await rig.StatesAsync());
        Assert.Equal(["v1", "v2"], await Database.ColumnAsync<string>("select name from tag where repository = 'app/a' order by name"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task LastTags_GoWithAnEventForEach_AndOnlyThen(bool listed)
    {
        // Empty: the repository is known and has no tag. Else it answers 404.
        if (listed)
            _rig.Primary.Seed("app/a", null, _one);
        await _rig.HoldAsync("app/a", "v1", _one, atPrimary: false, Stop);
        await _rig.HoldAsync("app/a", "v2", _two, atPrimary: false, Stop);
        await _rig.DeletedAsync("app/a", "v1");
        await _rig.NotListedAsync("app/a", "v2");
        await LooksAsync(2);
        Assert.Equal(["v1", "v2"], await _rig.TagsAsync("app/a", Stop));
        Assert.Equal(["v1 held repository", "v2 held repository"], await _rig.StatesAsync());

        await _rig.DeletedAsync("app/a", "v2");
        await _rig.RunAsync(Stop);
        Assert.Empty(await _rig.TagsAsync("app/a", Stop));
        Assert.Equal([1, 2], (await _rig.DeletedHereAsync(Stop)).Select(e => e.EventId!.Value).Order());
    }

    [Theory]
    [InlineData(CatalogMode.Off)]
    [InlineData(CatalogMode.Empty)]
    [InlineData(CatalogMode.Error)]
    [InlineData(CatalogMode.CutBody)]
    public async Task LastTag_WithoutACatalogThatNamesOthers_IsHeld(CatalogMode mode)
    {
        await _rig.HoldAsync("app/a", "v1", _one, atPrimary: false, Stop);
        _rig.Primary.Switches.Catalog = mode;
        await _rig.DeletedAsync("app/a", "v1");
        await LooksAsync(2);
        Assert.Equal(["v1"], await _rig.TagsAsync("app/a", Stop));
        Assert.Equal(["v1 held repository"], await _rig.StatesAsync());
        _rig.Primary.Switches.Catalog = CatalogMode.On;
        await _rig.RunAsync(Stop);
        Assert.Empty(await _rig.TagsAsync("app/a", Stop));
    }

    [Fact]
    public async Task LastTag_WhereTheCatalogBeginsWithEmptiedRepositories_GoesAllTheSame()
    {
        for (var n = 0; n < 8; n++)
        {
            _rig.Primary.Seed($"app/0{n}", null, _one);
            await Database.ExecuteAsync($"insert into repository (name, state, full_wanted, last_synced_at) values ('app/0{n}', 2, 0, now() + interval '1 hour')");
        }
        await _rig.HoldAsync("app/a", "v1", _one, atPrimary: false, Stop);
        await _rig.DeletedAsync("app/a", "v1");
        await _rig.RunAsync(Stop);
        Assert.Empty(await _rig.TagsAsync("app/a", Stop));
    }

    [Fact]
    public async Task TokenThatLostItsRight_WhereThatLooksLikeNothing_DeletesNothing()
    {
        foreach (var tag in new[] { "v1", "v2" })
            await _rig.HoldAsync("app/a", tag, _one, atPrimary: true, Stop);
        // All of the primary is hidden behind 404, after a storm of events that were true once.
        _rig.Primary.Switches.DeniedIsNotFound = true;
        _rig.Primary.Switches.Auth = new LabBasicAuth(new LabUser(DeletionRig.Reader, DeletionRig.Reader) { May = (type, _, _) => type == "registry" });
        await _rig.DeletedAsync("app/a", "v1", "v2");
        await _rig.NotListedAsync("app/other", "v1");
        await LooksAsync(2);
        Assert.Equal(["v1", "v2"], await _rig.TagsAsync("app/a", Stop));
        Assert.Equal(["v1"], await _rig.TagsAsync("app/other", Stop));
        Assert.Equal(["v1 held repository", "v1 held repository", "v2 held repository"], await _rig.StatesAsync());
    }

    [Fact]
    public async Task WholeRepository_Gone_WaitsForAnOperatorsRelease()
    {
        foreach (var tag in new[] { "v1", "v2" })
            await _rig.HoldAsync("app/gone", tag, _one, atPrimary: false, Stop);
        await _rig.NotListedAsync("app/gone", "v1", "v2");
        await LooksAsync(3);
        Assert.Equal(["v1", "v2"], await _rig.TagsAsync("app/gone", Stop));
        Assert.Contains("release --repository app/gone", await Database.ScalarAsync<string>("select reason from waiting_deletion limit 1"), StringComparison.Ordinal);
        Assert.Equal(2, await _rig.Deletions.ReleaseAsync(new(Repository: "app/gone"), "ann", Stop));
        await _rig.RunAsync(Stop);
        Assert.Empty(await _rig.TagsAsync("app/gone", Stop));
        Assert.All(await _rig.DeletedHereAsync(Stop), e => Assert.Equal("ann", e.Who));
    }

    [Fact]
    public async Task Release_OfATagThatIsStillThere_DeletesNothing()
    {
        await _rig.HoldAsync("app/a", "v1", _one, atPrimary: true, Stop);
        await _rig.NotListedAsync("app/a", "v1");
        await _rig.Queue.QuarantineAsync(TimeSpan.FromDays(7), Stop);
        Assert.Equal(1, await _rig.Deletions.ReleaseAsync(new(All: true), "ann", Stop));
        await _rig.RunAsync(Stop);
        Assert.Equal(["v1"], await _rig.TagsAsync("app/a", Stop));
        Assert.Empty(await _rig.StatesAsync());
    }

    [Fact]
    public async Task MassDeletion_IsStoppedWhole_AndGoesOnWhenReleased()
    {
        var rig = _rig.NewPass(_rig.Policy with { Brake = BrakeLimit.OfShare(0.05) });
        for (var i = 0; i < 20; i++)
            await _rig.HoldAsync($"app/r{i % 4}", $"v{i}", _one, atPrimary: i >= 15, Stop);
        for (var i = 0; i < 15; i++)
            await _rig.DeletedAsync($"app/r{i % 4}", $"v{i}");
        await _rig.Lease.RenewAsync(Stop);
        Assert.True((await rig.RunOnceAsync(Stop)).Braked);
        for (var i = 0; i < 5; i++)
            await rig.RunOnceAsync(Stop);
        Assert.Empty(await _rig.DeletedHereAsync(Stop));
        Assert.Equal(15L, await Database.ScalarAsync<long>("select count(*) from waiting_deletion where hold = 'brake'"));
        Assert.Equal(15, await _rig.Deletions.ReleaseAsync(new(All: true, Hold: Holds.Brake), "ann", Stop));
        for (var i = 0; i < 10; i++)
            await rig.RunOnceAsync(Stop);
        Assert.Equal(15, (await _rig.DeletedHereAsync(Stop)).Count);
        Assert.Equal(["v16"], await _rig.TagsAsync("app/r0", Stop));
        Assert.Empty(await _rig.StatesAsync());
    }

    [Fact]
    public async Task Tag_ThatSomebodyPushedHere_IsLeftAlone()
    {
        await _rig.HoldAsync("app/a", "v1", _one, atPrimary: false, Stop);
        await _rig.HoldAsync("app/a", "v2", _two, atPrimary: true, Stop);
        _own.Seed("app/a", "v1", LabImage.Create("somebody's", 50));
        await _rig.DeletedAsync("app/a", "v1");
        await _rig.RunAsync(Stop);
        Assert.Equal(["v1", "v2"], await _rig.TagsAsync("app/a", Stop));
        Assert.Equal(["v1 held divergent"], await _rig.StatesAsync());
    }

    [Fact]
    public async Task Push_ThatComesWhileItIsDeleted_IsCopiedAfterwards()
    {
        await _rig.HoldAsync("app/a", "v1", _one, atPrimary: false, Stop);
        await _rig.HoldAsync("app/a", "v2", _two, atPrimary: true, Stop);
        await _rig.DeletedAsync("app/a", "v1");
        // The event of a push that is on its way to the tailer while the row is approved and claimed.
        await Database.ExecuteAsync($$"""
            create function push_meanwhile() returns trigger language plpgsql as $$ begin
                if new.state = 1 then
                    insert into waiting_reference (repository_id, reference, event_id, digest) values (new.id, 'v1', 77, '{{_one.Digest}}')
                    on conflict (repository_id, reference) do update set event_id = 77;
                end if;
                return null; end $$;
            create trigger push_meanwhile after update on repository for each row execute function push_meanwhile();
            """);
        await _rig.RunAsync(Stop);
        // It was not deleted under the push, and the push waits for a worker.
        Assert.Equal(["v1", "v2"], await _rig.TagsAsync("app/a", Stop));
        Assert.Equal(0, await Database.ScalarAsync<short>("select state from repository where name = 'app/a'"));
        Assert.Equal([77L], await Database.ColumnAsync<long>("select event_id from waiting_reference where claim_token is null"));
    }

    /// <summary>So many looks at every candidate that may be looked at again, whatever pause it has.</summary>
    private async Task LooksAsync(int count)
    {
        for (var i = 0; i < count; i++)
        {
            await _rig.RunOnceAsync(Stop);
            await Database.ExecuteAsync("update waiting_deletion set next_at = now() where next_at < 'infinity'");
        }
    }
}
