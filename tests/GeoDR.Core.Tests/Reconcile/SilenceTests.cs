using GeoDR.Core.Tests.EventLog;
using GeoDR.Core.Tests.Postgres;
using GeoDR.Core.Tests.Registry;
using GeoDR.EventLog;
using GeoDR.Inventory;
using GeoDR.Lab;
using GeoDR.Lab.Registries;
using GeoDR.Reconcile;
using GeoDR.Status;
using LabRegistry = GeoDR.Lab.Registries.LabRegistry;
using RegistryClient = GeoDR.Registry.RegistryClient;

namespace GeoDR.Core.Tests.Reconcile;

/// <summary>A registry that sends no notifications, quiet or changing.</summary>
public sealed class SilenceTests(PostgresFixture postgres) : DatabaseTest(postgres, "primary")
{
    private const int Repositories = 30;
    private static readonly TimeSpan s_silence = TimeSpan.FromMinutes(15);

    private readonly LabImage _image = LabImage.Create("silence", 64);
    private readonly LabImage _other = LabImage.Create("silence, other", 64);
    private LabRegistry _registry = null!;
    private RegistryClient _client = null!;

    private Silence Silence => new(Database.Source);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _registry = await LabRegistry.StartAsync();
        _client = Clients.Of(_registry.Url);
        for (var i = 0; i < Repositories; i++)
            foreach (var tag in new[] { "v1", "v2", "v3" })
                _registry.Seed($"team/r{i:00}", tag, _image);
        await Database.ExecuteAsync($"""
            insert into tag (repository, name, digest, read_at)
            select 'team/r' || lpad(r::text, 2, '0'), 'v' || t, '{_image.Digest}', clock_timestamp() - interval '1 day' from generate_series(0, {Repositories - 1}) r, generate_series(1, 3) t;
            update site set created_at = clock_timestamp() - interval '1 day';
            insert into reconcile_run (reason, status, started_at, finished_at) values ('schedule', 'done', clock_timestamp(), clock_timestamp());
            """);
    }

    public override async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _registry.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task Look_AtAQuietRegistry_CostsAFewDozenRequestsAndSaysNothing()
    {
        Assert.False(await LookAsync());
        Assert.InRange(_registry.Requests.Total, 20, 60);
        // The next one is not due.
        var cost = _registry.Requests.Total;
        Assert.False(await Look().RunOnceAsync(s_silence, Stop));
        Assert.Equal(cost, _registry.Requests.Total);
        await RequireQuietAsync();
    }

    [Theory]
    [InlineData("new tag")]
    [InlineData("new repository")]
    [InlineData("moved tag")]
    [InlineData("deleted tag")]
    [InlineData("new tag in a repository that changed long ago")]
    public async Task Look_AtARegistryThatChanges_AsksForAComparisonAndSaysSoUntilANotificationComes(string change)
    {
        // The repositories that changed last are r20 to r29.
        await Database.ExecuteAsync("update fingerprint set change = change + 1000 where repository > 'team/r19'");
        await Database.ExecuteAsync("update tag set read_at = clock_timestamp() where repository = 'team/r25' and name = 'v2'");
        switch (change)
        {
            case "new tag": _registry.Seed("team/r25", "v4", _image); break;
            case "new repository": _registry.Seed("unheard/app", "v1", _image); break;
            case "moved tag": _registry.Seed("team/r25", "v2", _other); break;
            case "deleted tag": Assert.True(await _client.DeleteManifestAsync("team/r25", "v3", TimeSpan.FromSeconds(10), Stop)); break;
            default: _registry.Seed("team/r14", "v4", _image); break;
        }
        // What is looked at in turn comes round after a few looks.
        var silent = await LookAsync();
        for (var more = 0; more < 5 && !silent; more++)
            silent = await LookAsync();
        Assert.True(silent);
        var run = Assert.Single(await new ReconcileRuns(Database.Source).ListAsync(10, Stop), r => r.Status == "wanted");
        Assert.Equal("the registry changes and sends no notifications", run.Reason);
        var status = (await new StatusReader(Database.Source, TimeProvider.System).ReadAsync(Stop))!;
        Assert.Contains(status.Reasons, r => r.StartsWith("the registry changes and sends no notifications (seen at ", StringComparison.Ordinal));
        Assert.NotEqual("healthy", status.Health);
        // While one is wanted nobody looks again.
        Assert.False(await LookAsync());

        await new LogAppender(Database.Source).AppendAsync([Events.Push("team/r01", "v1")], [], Stop);
        await RequireQuietAsync();
        await Silence.ClearAsync(whatever: false, Stop);
        await Database.ExecuteAsync("delete from event");
        await RequireQuietAsync();
    }

    [Fact]
    public async Task Look_WhereTheNotificationIsOnItsWay_SaysNothing()
    {
        _registry.Seed("team/r25", "v4", _image);
        await Database.ExecuteAsync("update fingerprint set change = change + 1000 where repository = 'team/r25'");
        var look = Look(TimeSpan.FromMilliseconds(700)).RunOnceAsync(s_silence, Stop);
        await Wait.UntilAsync(() => _registry.Requests.Total > 0, TimeSpan.FromSeconds(10), () => "the look has not begun", Stop);
        await new LogAppender(Database.Source).AppendAsync([Events.Push("team/r25", "v4", digest: _image.Digest)], [], Stop);
        await new InventoryFold(Database.Source).RunOnceAsync(Stop);
        Assert.False(await look);
        await RequireQuietAsync();
    }

    [Fact]
    public async Task Look_WhereNoneIsDue_IsNotTaken()
    {
        foreach (var (set, back) in new[]
        {
            ("update site set paused = true", "update site set paused = false"),
            ("update site set role = 'secondary'", "update site set role = 'primary'"),
            ("update site set created_at = clock_timestamp()", "update site set created_at = clock_timestamp() - interval '1 day'"),
            ("update reconcile_run set status = 'failed'", "update reconcile_run set status = 'done'"),
            ("insert into reconcile_run (reason, status) values ('x', 'running')", "delete from reconcile_run where status = 'running'"),
            ("update silence set held_until = clock_timestamp() + interval '1 minute'", "update silence set held_until = '-infinity'"),
            ("insert into quarantine (body_hash, body, truncated, problems) values ('h', 'x', false, '{x}')", "delete from quarantine"),
        })
        {
            await Database.ExecuteAsync(set);
            Assert.Null(await Silence.TakeAsync(s_silence, TimeSpan.FromMinutes(1), Stop));
            await Database.ExecuteAsync(back);
        }
        await new LogAppender(Database.Source).AppendFoundAsync([Events.Push("a", "v1")], 0, Stop);
        var taken = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Silence.TakeAsync(s_silence, TimeSpan.FromMinutes(1), Stop)));
        Assert.Single(taken, t => t is not null);
        await Database.ExecuteAsync("update silence set held_until = '-infinity', looked_at = '-infinity'");
        await new LogAppender(Database.Source).AppendAsync([Events.Push("a", "v1")], [], Stop);
        Assert.Null(await Silence.TakeAsync(s_silence, TimeSpan.FromMinutes(1), Stop));
    }

    [Fact]
    public async Task Look_WithoutACatalogAndAtAnEmptiedRepository_GoesOn()
    {
        _registry.Switches.Catalog = CatalogMode.Off;
        await Database.ExecuteAsync($"insert into tag (repository, name, digest) values ('gone/app', 'v1', '{_image.Digest}')");
        _registry.Switches.BrokenRepositories["team/r29"] = true;
        Assert.False(await LookAsync());
        await RequireQuietAsync();
    }

    private async Task<bool> LookAsync()
    {
        await Database.ExecuteAsync("update silence set looked_at = '-infinity'");
        return await Look().RunOnceAsync(s_silence, Stop);
    }

    private SilenceLook Look(TimeSpan? settle = null)
    {
        var (inventory, fingerprints) = (new InventoryStore(Database.Source), new Fingerprints(Database.Source));
        var site = new PrimarySite(Database.Source, inventory, fingerprints, new LogAppender(Database.Source), TimeProvider.System);
        return new(_client, Silence, inventory, site, new(Database.Source), new Pace(0, TimeProvider.System), settle ?? TimeSpan.FromMilliseconds(20), TimeProvider.System);
    }

    private async Task RequireQuietAsync()
    {
        Assert.Null(await Silence.AlarmAsync(Stop));
        var status = (await new StatusReader(Database.Source, TimeProvider.System).ReadAsync(Stop))!;
        Assert.DoesNotContain(status.Reasons, r => r.Contains("sends no notifications", StringComparison.Ordinal));
    }
}
