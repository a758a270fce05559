using GeoDR.Core.Tests.Postgres;
using GeoDR.Core.Tests.Registry;
using GeoDR.Lab.Registries;
using GeoDR.Registry;
using GeoDR.Selection;
using GeoDR.Sync;
using GeoDR.SyncState;
using GeoDR.Verification;

namespace GeoDR.Core.Tests.Verification;

/// <summary>A check against two of the lab's registries, of which the own one misbehaves.</summary>
public sealed class RepositoryCheckTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private const string Name = "team/app";

    private readonly LabImage _image = LabImage.Create("verified", 3000, 5000);
    private LabRegistry _own = null!;
    private LabRegistry _primary = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        (_own, _primary) = (await LabRegistry.StartAsync(), await LabRegistry.StartAsync());
        _own.Seed(Name, "v1", _image);
        _primary.Seed(Name, "v1", _image);
        await Database.ExecuteAsync($"""
            insert into repository (name, state, full_wanted) values ('{Name}', 2, 0);
            insert into verification (repository_id) select id from repository;
            insert into tag (repository, name, digest) values ('{Name}', 'v1', '{_image.Digest}');
            insert into manifest (repository, digest) values ('{Name}', '{_image.Digest}')
            """);
    }

    public override async ValueTask DisposeAsync()
    {
        await _own.DisposeAsync();
        await _primary.DisposeAsync();
        await base.DisposeAsync();
    }

    [Theory]
    [InlineData(false, Corruption.FlipBit, false, null)]
    [InlineData(false, Corruption.FlipBit, true, "damaged")]
    [InlineData(false, Corruption.Truncate, true, "damaged")]
    [InlineData(true, Corruption.FlipBit, false, "damaged")]
    [InlineData(true, Corruption.Truncate, false, "damaged")]
    public async Task Content_ThatTheRegistrySpoils_IsFound(bool manifest, Corruption corruption, bool deep, string? kind)
    {
        var digest = manifest ? _image.Digest : _image.Blobs.MaxBy(b => b.Value.Length).Key;
        _own.Switches.Corrupt[digest] = corruption;
        var done = await VerifyAsync(deep);
        Assert.Equal(kind is null ? VerificationState.Succeeded : VerificationState.Failed, done?.State);
        Assert.Equal(kind, await Database.ScalarAsync<string>($"select kind from damage where subject = '{digest}'"));
        Assert.Equal(kind is null ? 0L : 1L, await Database.ScalarAsync<long>("select count(*) from damage"));
    }

    [Fact]
    public async Task Counts_AndRequests_AreThoseOfBothRegistries()
    {
        var result = (await VerifyAsync(deep: true))!.Result!;
        Assert.Equal((1, 1, (long)_image.Blobs.Count), (result.Counts.Tags, result.Counts.Manifests, result.Counts.Blobs));
        Assert.Equal(_image.ManifestBytes.Length + _image.Blobs.Sum(b => (long)b.Value.Length), result.Counts.Bytes);
        Assert.Equal(_own.Requests.Count() + _primary.Requests.Count(), result.Counts.Requests);
        Assert.True(result.PrimaryAsked);
    }

    [Fact]
    public async Task OwnRegistry_Away_SaysNothingOfTheContent()
    {
        await _own.StopAsync();
        var done = await VerifyAsync(deep: false);
        Assert.Null(done?.State);
        Assert.Equal((short)0, await Database.ScalarAsync<short>("select state from verification"));
        Assert.Equal(["own registry"], await Database.ColumnAsync<string>("select peer from outage"));
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from damage"));
    }

    [Fact]
    public async Task OwnRegistry_RefusesOneRepository_IsNotChecked()
    {
        _own.Switches.AnswerNext(100, 403, "GET", "manifests/");
        var done = await VerifyAsync(deep: false);
        Assert.Equal(VerificationState.Failed, done?.State);
        Assert.StartsWith("could not be checked", await Database.ScalarAsync<string>("select failure from verification"), StringComparison.Ordinal);
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from damage"));
    }

    [Fact]
    public async Task OneBlob_Answers500_IsUnreadable()
    {
        _own.Switches.AnswerNext(100, 500, "HEAD", _image.Blobs.Keys.First());
        Assert.Equal(VerificationState.Failed, (await VerifyAsync(deep: false))?.State);
        Assert.Equal(["unreadable"], await Database.ColumnAsync<string>("select kind from damage"));
    }

    [Fact]
    public async Task Primary_Away_TheOwnContentIsCheckedAllTheSame()
    {
        await _primary.StopAsync();
        await Database.ExecuteAsync($"insert into tag (repository, name, digest) values ('{Name}', 'lost', '{_image.Digest}')");
        var done = await VerifyAsync(deep: false);
        Assert.False(done?.Result?.PrimaryAsked);
        Assert.Equal(["lost"], await Database.ColumnAsync<string>("select subject from damage"));
    }

    [Fact]
    public async Task Tags_ThatThePrimaryChangedWithoutAnEvent_AreBehind()
    {
        _primary.Seed(Name, "v1", LabImage.Create("newer", 10)).Seed(Name, "unheard", _image);
        await Database.ExecuteAsync("""
            insert into cursor (log_id, event_id, event_key, head, beat_at, read_at) values (gen_random_uuid(), 5, 5, 5, clock_timestamp(), clock_timestamp() + interval '1 hour')
            """);
        await VerifyAsync(deep: false);
        Assert.Equal(["unheard behind", "v1 behind"], await Database.ColumnAsync<string>("select subject || ' ' || kind from damage order by subject"));
        Assert.Equal(["unheard", "v1"], await Database.ColumnAsync<string>("select reference from waiting_reference order by reference"));
    }

    [Fact]
    public async Task Untagged_GoneAtBothSites_IsForgotten_AndGoneHereAloneIsFetched()
    {
        var (collected, lost) = (LabImage.Create("collected", 10), LabImage.Create("lost", 10));
        _primary.Seed(Name, null, lost);
        await Database.ExecuteAsync($"insert into manifest (repository, digest) values ('{Name}', '{collected.Digest}'), ('{Name}', '{lost.Digest}')");
        await VerifyAsync(deep: false);
        Assert.Equal([lost.Digest], await Database.ColumnAsync<string>("select reference from waiting_reference"));
        Assert.Equal([_image.Digest], await Database.ColumnAsync<string>("select digest from manifest"));
    }

    [Fact]
    public async Task Tag_DeletedAtBothSites_AndAnEntryMissingAtBoth_AreNoDamage()
    {
        var index = LabImage.Index(_image, LabImage.Create("never there", 10));
        foreach (var registry in new[] { _own, _primary })
        {
            registry.Switches.SparseIndexes = true;
            using var client = Clients.Of(registry.Url);
            await client.PutManifestAsync(Name, "sparse", new Manifest(Digest.Parse(index.Digest), index.MediaType, index.ManifestBytes), TimeSpan.FromSeconds(5), Stop);
        }
        await Database.ExecuteAsync($"insert into tag (repository, name, digest) values ('{Name}', 'sparse', '{index.Digest}'), ('{Name}', 'deleted', '{_image.Digest}')");
        Assert.Equal(VerificationState.Succeeded, (await VerifyAsync(deep: false))?.State);
    }

    private async Task<Verified?> VerifyAsync(bool deep)
    {
        var time = TimeProvider.System;
        using var own = new RegistryClient(new() { Name = Peers.OwnRegistry, Url = _own.Url, AllowHttp = true }, _ => null);
        using var primary = new RegistryClient(new() { Name = Peers.PrimaryRegistry, Url = _primary.Url, AllowHttp = true }, _ => null);
        var lease = new WorkerLease(Database.Source, "node", 1, TimeSpan.FromMinutes(5), time);
        await lease.RenewAsync(Stop);
        var checks = new Checks(Database.Source);
        await checks.AskAsync(Name, RowFilter.All, deep, Stop);
        var check = new RepositoryCheck(
            own, primary, new PeerProbe(Peers.OwnRegistry, own, new Outages(Database.Source), time), new KnownContent(Database.Source), SiteSelection.All,
            new VerificationBudget(null, null, time), time);
        return await new Verifier(checks, new CheckResults(Database.Source), check, lease, VerificationPlan.Default, deep, time).RunOnceAsync(Stop);
    }
}
