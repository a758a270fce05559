using GeoDR.Core.Tests.Postgres;
using GeoDR.Core.Tests.Registry;
using GeoDR.Lab;
using GeoDR.Lab.Faults;
using GeoDR.Lab.Registries;
using GeoDR.Registry;
using Digest = GeoDR.Registry.Digest;
using LabRegistry = GeoDR.Lab.Registries.LabRegistry;

namespace GeoDR.Core.Tests.Deletion;

/// <summary>What a deletion leaves at the own registry: Debian's deletes by digest alone, the lab's by tag, or as its switches say.</summary>
public sealed class RemovalTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private readonly LabDirectory _directory = LabDirectory.Create("removal");
    private readonly List<IAsyncDisposable> _parts = [];
    private readonly LabImage _one = LabImage.Create("one", 100);
    private readonly LabImage _two = LabImage.Create("two", 100);

    public override async ValueTask DisposeAsync()
    {
        _parts.Reverse();
        foreach (var part in _parts)
            await part.DisposeAsync();
        await _directory.DisposeAsync();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Tag_OfItsOwnManifest_GoesWithIt_WhereOnlyDigestsAreDeleted(bool debian)
    {
        var rig = await RigAsync(debian);
        await rig.HoldAsync("app/a", "v1", _one, atPrimary: false, Stop);
        await rig.HoldAsync("app/a", "v2", _two, atPrimary: true, Stop);
        await rig.DeletedAsync("app/a", "v1");
        await rig.RunAsync(Stop);
        Assert.Equal(["v2"], await rig.TagsAsync("app/a", Stop));
        Assert.Equal("by digest", Assert.Single(await rig.DeletedHereAsync(Stop)).Detail);
        Assert.Null(await rig.Own.HeadManifestAsync("app/a", _one.Digest, Stop));
        Assert.Equal([_two.Digest], await Database.ColumnAsync<string>("select digest from manifest where repository = 'app/a'"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task MovedTag_WhoseDigestAnotherTagShares_GoesByAOneOffManifest(bool debian)
    {
        var rig = await RigAsync(debian);
        await rig.HoldAsync("app/a", "v1", _one, atPrimary: false, Stop);
        await rig.HoldAsync("app/a", "latest", _one, atPrimary: true, Stop);
        await rig.DeletedAsync("app/a", "v1");
        await rig.RunAsync(Stop);
        Assert.Equal(["latest"], await rig.TagsAsync("app/a", Stop));
        Assert.Equal(Digest.Parse(_one.Digest), await rig.Own.HeadManifestAsync("app/a", "latest", Stop));
        Assert.Equal("by a one-off manifest: the tag latest is the same manifest", Assert.Single(await rig.DeletedHereAsync(Stop)).Detail);
        Assert.Equal(["latest"], await Database.ColumnAsync<string>("select name from tag where repository = 'app/a'"));
    }

    [Fact]
    public async Task Tag_OfAnIndexsChild_OfASubject_AndOfAReferrer_LeavesTheirManifests()
    {
        var rig = await RigAsync(debian: true);
        var index = LabImage.Index(LabImage.Create("amd64", 40), LabImage.Create("arm64", 40));
        var signature = LabImage.Referrer("signature", _two, "application/example.signature");
        await rig.HoldAsync("app/a", "multi", index, atPrimary: true, Stop);
        await rig.HoldAsync("app/a", "amd64", index.Children[0], atPrimary: false, Stop);
        await rig.HoldAsync("app/a", "signed", _two, atPrimary: false, Stop);
        await rig.HoldAsync("app/a", "signature", signature, atPrimary: true, Stop);
        // Without the referrers API it is the fallback tag that says so.
        await rig.HoldAsync("app/a", Referrer.FallbackTag(Digest.Parse(_two.Digest)), LabImage.Index(signature), atPrimary: true, Stop);
        await rig.HoldAsync("app/a", "sig-too", signature, atPrimary: false, Stop);
        await rig.DeletedAsync("app/a", "amd64", "signed", "sig-too");
        await rig.RunAsync(Stop);
        Assert.Equal(["multi", "sha256-" + _two.Digest[7..], "signature"], await rig.TagsAsync("app/a", Stop));
        foreach (var kept in new[] { index.Digest, index.Children[0].Digest, _two.Digest, signature.Digest })
            Assert.Equal(Digest.Parse(kept), await rig.Own.HeadManifestAsync("app/a", kept, Stop));
        Assert.Equal(
            [("amd64", "the index"), ("sig-too", "the tag signature"), ("signed", "a referrer names")],
            (await rig.DeletedHereAsync(Stop)).OrderBy(e => e.Reference).Select(e => (e.Reference!, string.Join(' ', e.Detail!.Split(": ")[1].Split(' ').Take(e.Reference == "amd64" ? 2 : 3)))));
    }

    [Fact]
    public async Task Tag_WhoseManifestThePrimaryHasStill_GoesWithoutIt()
    {
        var rig = await RigAsync(debian: true);
        await rig.HoldAsync("app/a", "v1", _one, atPrimary: false, Stop);
        await rig.HoldAsync("app/a", "v2", _two, atPrimary: true, Stop);
        // Deleted there by tag alone.
        rig.Primary.Seed("app/a", null, _one);
        await rig.DeletedAsync("app/a", "v1");
        await rig.RunAsync(Stop);
        Assert.Equal(["v2"], await rig.TagsAsync("app/a", Stop));
        Assert.NotNull(await rig.Own.HeadManifestAsync("app/a", _one.Digest, Stop));
    }

    [Fact]
    public async Task Manifest_DeletedByItsDigest_GoesOnlyWhenNothingNeedsIt()
    {
        var rig = await RigAsync(debian: false);
        var index = LabImage.Index(LabImage.Create("amd64", 40));
        await rig.HoldAsync("app/a", "multi", index, atPrimary: false, Stop);
        await rig.HoldAsync("app/a", "v2", _two, atPrimary: true, Stop);
        await rig.HoldAsync("app/a", null, _one, atPrimary: false, Stop);
        var child = index.Children[0].Digest;
        await rig.DeletedAsync("app/a", _one.Digest, child, _two.Digest);
        await rig.RunAsync(Stop);
        Assert.Null(await rig.Own.HeadManifestAsync("app/a", _one.Digest, Stop));
        Assert.NotNull(await rig.Own.HeadManifestAsync("app/a", child, Stop));
        Assert.NotNull(await rig.Own.HeadManifestAsync("app/a", _two.Digest, Stop));
        Assert.Equal([$"{child} held needed"], await rig.StatesAsync());

        await rig.DeletedAsync("app/a", "multi", index.Digest);
        await Database.ExecuteAsync("update waiting_deletion set next_at = now()");
        await rig.RunAsync(Stop);
        Assert.Equal(["v2"], await rig.TagsAsync("app/a", Stop));
        Assert.Null(await rig.Own.HeadManifestAsync("app/a", index.Digest, Stop));
        await Database.ExecuteAsync("update waiting_deletion set next_at = now()");
        await rig.RunAsync(Stop);
        Assert.Null(await rig.Own.HeadManifestAsync("app/a", child, Stop));
        Assert.Empty(await rig.StatesAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Registry_ThatDeletesNothing_HoldsItWithTheReason_AndIsNotAskedAgain(bool shared)
    {
        var registry = await DistributionRegistry.StartNewAsync(_directory.PathOf("registry"), new DistributionOptions { DeleteEnabled = false }, Stop);
        _parts.Add(registry);
        var rig = await RigAsync(registry.Url);
        await rig.HoldAsync("app/a", "v1", _one, atPrimary: false, Stop);
        await rig.HoldAsync("app/a", "v2", shared ? _one : _two, atPrimary: true, Stop);
        await rig.DeletedAsync("app/a", "v1");
        await rig.RunAsync(Stop);
        // Never half deleted: the tag points at what it did.
        Assert.Equal(Digest.Parse(_one.Digest), await rig.Own.HeadManifestAsync("app/a", "v1", Stop));
        Assert.Equal(["v1 held refused"], await rig.StatesAsync());
        Assert.Contains("405", await Database.ScalarAsync<string>("select reason from waiting_deletion"), StringComparison.Ordinal);
        Assert.True(await Database.ScalarAsync<bool>("select next_at = 'infinity' from waiting_deletion"));
        Assert.Equal(2L, await Database.ScalarAsync<long>("select count(*) from tag where repository = 'app/a'"));
        Assert.Empty(await rig.DeletedHereAsync(Stop));
    }

    [Fact]
    public async Task OneOff_ThatTheRegistryRefuses_LeavesTheTag()
    {
        var own = await LabAsync();
        own.Switches.DeleteByTag = false;
        own.Switches.ImmutableTags = true;
        var rig = await RigAsync(own.Url);
        await rig.HoldAsync("app/a", "v1", _one, atPrimary: false, Stop);
        await rig.HoldAsync("app/a", "v2", _one, atPrimary: true, Stop);
        await rig.DeletedAsync("app/a", "v1");
        await rig.RunAsync(Stop);
        Assert.Equal(Digest.Parse(_one.Digest), await rig.Own.HeadManifestAsync("app/a", "v1", Stop));
        Assert.Equal(["v1 held refused"], await rig.StatesAsync());
        Assert.Contains("the tag stays", await Database.ScalarAsync<string>("select reason from waiting_deletion"), StringComparison.Ordinal);

        own.Switches.ImmutableTags = false;
        Assert.Equal(1, await rig.Deletions.ReleaseAsync(new(All: true), "ann", Stop));
        await rig.RunAsync(Stop);
        Assert.Equal(["v2"], await rig.TagsAsync("app/a", Stop));
    }

    [Fact]
    public async Task OneOff_ThatAKillLeftUnderTheTag_IsDeletedByTheNext()
    {
        var own = await LabAsync();
        own.Switches.DeleteByTag = false;
        var rig = await RigAsync(own.Url);
        await rig.HoldAsync("app/a", "v1", _one, atPrimary: false, Stop);
        await rig.HoldAsync("app/a", "v2", _one, atPrimary: true, Stop);
        await rig.DeletedAsync("app/a", "v1");
        var oneOff = LabImage.Create("one-off", 10);
        await rig.Own.PushAsync("app/a", "v1", oneOff, Stop);
        await rig.Queue.QuarantineAsync(TimeSpan.Zero, Stop);
        await Database.ExecuteAsync($"delete from tag where repository = 'app/a' and name = 'v1'; update waiting_deletion set one_off = '{oneOff.Digest}'");
        await rig.RunAsync(Stop);
        Assert.Equal(["v2"], await rig.TagsAsync("app/a", Stop));
        Assert.Equal("by a one-off manifest, begun earlier", Assert.Single(await rig.DeletedHereAsync(Stop)).Detail);
    }

    [Fact]
    public async Task Registry_ThatFails_IsAskedAgain_AndNothingIsLost()
    {
        var own = await LabAsync();
        var rig = await RigAsync(own.Url);
        await rig.HoldAsync("app/a", "v1", _one, atPrimary: false, Stop);
        await rig.HoldAsync("app/a", "v2", _two, atPrimary: true, Stop);
        await rig.DeletedAsync("app/a", "v1");
        own.Switches.AnswerNext(1, 500, "DELETE");
        await rig.RunAsync(Stop);
        Assert.Equal(["v2"], await rig.TagsAsync("app/a", Stop));
        Assert.Single(await rig.DeletedHereAsync(Stop));
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from outage"));
    }

    [Fact]
    public async Task Answer_ThatDoesNotCome_IsLookedAtAgain()
    {
        var own = await LabAsync();
        await using var proxy = await HttpFaultProxy.StartAsync(own.Url);
        // A request has half the lease.
        var rig = await RigAsync(proxy.Url, lease: TimeSpan.FromSeconds(3));
        await rig.HoldAsync("app/a", "v1", _one, atPrimary: false, Stop);
        await rig.HoldAsync("app/a", "v2", _two, atPrimary: true, Stop);
        await rig.DeletedAsync("app/a", "v1");
        var silent = proxy.Add(new HttpFaultRule { Method = "DELETE", Times = 1, Delay = TimeSpan.FromMinutes(1) });
        await Wait.UntilAsync(
            async token =>
            {
                await rig.RunOnceAsync(token);
                return silent.Hits == 1;
            },
            TimeSpan.FromSeconds(20), () => "nothing was sent", Stop);
        // As after any write without an answer: it may land late, so the tag is looked at when the lease is over.
        Assert.Equal(["v1"], await Database.ColumnAsync<string>("select reference from waiting_reference where recheck_at is not null and claim_token is null"));
        Assert.Equal(0, await Database.ScalarAsync<short>("select state from repository where name = 'app/a'"));
        Assert.Equal(["v1 approved"], await rig.StatesAsync());
        // It did land.
        Assert.True(await rig.Own.DeleteManifestAsync("app/a", "v1", TimeSpan.FromSeconds(5), Stop));
        await Wait.UntilAsync(
            async token =>
            {
                await rig.RunOnceAsync(token);
                return (await rig.DeletedHereAsync(token)).Count == 1;
            },
            TimeSpan.FromSeconds(20), () => "nothing in the audit", Stop);
        var entry = Assert.Single(await rig.DeletedHereAsync(Stop));
        Assert.Equal((_one.Digest, 1, "by an earlier try, whose answer did not come"), (entry.Digest, entry.EventId, entry.Detail));
    }

    [Fact]
    public async Task Deletion_UnderALeaseThatHasEnded_SendsNothing()
    {
        var own = await LabAsync();
        var rig = await RigAsync(own.Url);
        await rig.HoldAsync("app/a", "v1", _one, atPrimary: false, Stop);
        await rig.HoldAsync("app/a", "v2", _two, atPrimary: true, Stop);
        await rig.DeletedAsync("app/a", "v1");
        await rig.Lease.RenewAsync(Stop);
        await Database.ExecuteAsync("update worker set lease_until = now() - interval '1 second'");
        for (var i = 0; i < 5; i++)
            await rig.Pass.RunOnceAsync(Stop);
        Assert.Equal(["v1", "v2"], await rig.TagsAsync("app/a", Stop));
        Assert.Equal(["v1 approved"], await rig.StatesAsync());
    }

    private async Task<DeletionRig> RigAsync(bool debian)
    {
        if (!debian)
        {
            var lab = await LabAsync();
            lab.Switches.DeleteByTag = false;
            return await RigAsync(lab.Url);
        }
        var registry = await DistributionRegistry.StartNewAsync(_directory.PathOf("registry"), cancellationToken: Stop);
        _parts.Add(registry);
        return await RigAsync(registry.Url);
    }

    private async Task<DeletionRig> RigAsync(Uri own, TimeSpan? lease = null)
    {
        var rig = new DeletionRig(Database, await LabRegistry.StartAsync(), own, lease: lease);
        _parts.Add(rig);
        await rig.HoldAsync("app/other", "v1", _two, atPrimary: true, Stop);
        return rig;
    }

    private async Task<LabRegistry> LabAsync()
    {
        var lab = await LabRegistry.StartAsync();
        _parts.Add(lab);
        return lab;
    }
}
