using GeoDR.Audit;
using GeoDR.Core.Tests.Postgres;
using GeoDR.Core.Tests.Registry;
using GeoDR.Deletion;
using GeoDR.EventLog;
using GeoDR.Inventory;
using GeoDR.Lab.Registries;
using GeoDR.Sync;
using GeoDR.SyncState;
using GeoDR.Tokens;
using LabRegistry = GeoDR.Lab.Registries.LabRegistry;
using RegistryClient = GeoDR.Registry.RegistryClient;
using RegistryOptions = GeoDR.Registry.RegistryOptions;

namespace GeoDR.Core.Tests.Deletion;

/// <summary>A secondary's deletion between two registries, without a host: a pass runs when a test says so.</summary>
internal sealed class DeletionRig : IAsyncDisposable
{
    /// <summary>Who reads the primary, where it asks for a name.</summary>
    public const string Reader = "reader";

    private readonly TestDatabase _database;
    private long _event;

    public DeletionRig(TestDatabase database, LabRegistry primary, Uri own, Uri? primaryThrough = null, TimeSpan? lease = null)
    {
        (_database, Primary) = (database, primary);
        Policy = new DeletionPolicy { Quarantine = TimeSpan.Zero, ConfirmAfter = TimeSpan.Zero, Brake = BrakeLimit.OfCount(1000) };
        PrimaryClient = Client(Peers.PrimaryRegistry, primaryThrough ?? primary.Url);
        Own = Client(Peers.OwnRegistry, own);
        Lease = new WorkerLease(database.Source, "rig", 8, lease ?? TimeSpan.FromSeconds(30), TimeProvider.System);
        Queue = new DeletionQueue(database.Source);
        Pass = NewPass(Policy);
    }

    public DeletionPolicy Policy { get; }
    public LabRegistry Primary { get; }
    public RegistryClient PrimaryClient { get; }
    public RegistryClient Own { get; }
    public WorkerLease Lease { get; }
    public DeletionQueue Queue { get; }
    public DeletionPass Pass { get; }
    public Deletions Deletions => new(_database.Source);

    public DeletionPass NewPass(DeletionPolicy policy)
    {
        var outages = new Outages(_database.Source);
        var view = new PrimaryView(PrimaryClient, outages);
        var check = new AbsenceCheck(Queue, view);
        var work = new DeletionWork(
            Own, view, check, new Claims(_database.Source), new References(_database.Source), Queue, new DeletionWrites(_database.Source),
            new InventoryStore(_database.Source), new BlobMemory(), new PeerProbe(Peers.OwnRegistry, Own, outages, TimeProvider.System), Lease, TimeProvider.System);
        return new DeletionPass(Queue, check, new Brake(_database.Source), work, policy, TimeProvider.System);
    }

    /// <summary>The image is at this site, as a sync leaves it; at the primary too, unless said otherwise.</summary>
    public async Task HoldAsync(string repository, string? tag, LabImage image, bool atPrimary, CancellationToken cancel)
    {
        foreach (var child in image.Children)
            await Own.PushAsync(repository, null, child, cancel);
        await Own.PushAsync(repository, tag, image, cancel);
        if (atPrimary)
            Primary.Seed(repository, tag, image);
        await _database.ExecuteAsync($"""
            insert into repository (name, state, full_wanted, last_synced_at) values ('{repository}', 2, 0, now()) on conflict do nothing;
            insert into manifest (repository, digest, media_type) values ('{repository}', '{image.Digest}', '{image.MediaType}') on conflict do nothing;
            """);
        if (tag is not null)
            await _database.ExecuteAsync($"insert into tag (repository, name, digest) values ('{repository}', '{tag}', '{image.Digest}')");
    }

    /// <summary>The primary told of it, a while ago.</summary>
    public async Task DeletedAsync(string repository, params string[] references)
    {
        await MarkAsync(EventKinds.Delete, repository, references);
        await _database.ExecuteAsync("update waiting_deletion set recorded_at = recorded_at - interval '10 minutes'");
    }

    public Task PushedAsync(string repository, string tag, string digest) => MarkAsync(EventKinds.Push, repository, [tag], digest);

    /// <summary>Tags of this site that a full sync did not find at the primary.</summary>
    public Task NotListedAsync(string repository, params string[] tags) => _database.ExecuteAsync($"""
        insert into waiting_deletion (repository_id, reference) select id, unnest(array['{string.Join("','", tags)}']) from repository where name = '{repository}'
        """);

    /// <summary>Passes until nothing is left to do at once.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        await Lease.RenewAsync(cancel);
        for (var passes = 0; passes < 20; passes++)
            await Pass.RunOnceAsync(cancel);
    }

    public async Task RunOnceAsync(CancellationToken cancel)
    {
        await Lease.RenewAsync(cancel);
        await Pass.RunOnceAsync(cancel);
    }

    public async Task<List<string>> TagsAsync(string repository, CancellationToken cancel)
    {
        try
        {
            return [.. (await Own.ListTagsAsync(repository, cancel).AllAsync()).Order(StringComparer.Ordinal)];
        }
        catch (GeoDR.Registry.RegistryException e) when (e.Status == System.Net.HttpStatusCode.NotFound)
        {
            return [];
        }
    }

    /// <summary>"reference state hold", in order.</summary>
    public Task<List<string>> StatesAsync() => _database.ColumnAsync<string>(
        "select concat_ws(' ', reference, state, hold) from waiting_deletion order by reference");

    public async Task<IReadOnlyList<AuditEntry>> DeletedHereAsync(CancellationToken cancel) =>
        [.. (await new AuditLog(_database.Source).ListAsync(new(), null, 1000, cancel)).Where(e => e.What == AuditWords.Deleted).OrderBy(e => e.Id)];

    public ValueTask DisposeAsync()
    {
        PrimaryClient.Dispose();
        Own.Dispose();
        return Primary.DisposeAsync();
    }

    private async Task MarkAsync(string kind, string repository, string[] references, string? digest = null)
    {
        await using var connection = await _database.Source.OpenConnectionAsync();
        var events = references.Select(r => new LoggedEvent(
            ++_event, 0, kind, repository, r.Contains(':', StringComparison.Ordinal) ? null : r, r.Contains(':', StringComparison.Ordinal) ? r : digest, null, null, TimeSpan.Zero));
        await Marking.MarkAsync(connection, [.. events], _ => false, CancellationToken.None);
    }

    private static RegistryClient Client(string name, Uri url)
    {
        var options = new RegistryOptions
        {
            Name = name, Url = url, AllowHttp = true, Username = Reader, Password = Reader,
            RequestTimeout = TimeSpan.FromSeconds(10), IdleTimeout = TimeSpan.FromSeconds(10),
        };
        return new RegistryClient(options, challenge => TokenSources.For(challenge, options, null, TimeProvider.System));
    }
}
