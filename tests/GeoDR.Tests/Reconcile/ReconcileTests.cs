using System.Text.Json;
using GeoDR.Lab;
using GeoDR.Tests.Intake;
using Npgsql;

namespace GeoDR.Tests.Reconcile;

/// <summary>Pushes and deletions that nobody told of, on either side, found by comparing.</summary>
public sealed class ReconcileTests(RelayedSites fixture) : IClassFixture<RelayedSites>
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(40);

    private readonly TwoSites _sites = fixture.Sites;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task WhatNobodyToldOf_OnEitherSide_IsFoundAndMended()
    {
        // The registry's word is answered 200 and lost.
        fixture.Relay.Swap("lost/app", _ => """{"events":[{"id":"x","action":"pull"}]}"""u8.ToArray());
        var told = await PushAsync("told/app", "v1", 1);
        await _sites.WaitForArrivalAsync(told, s_deadline, Stop);
        var first = await PushAsync("lost/app", "v1", 2);
        await PushAsync("lost/app", "v2", 3);

        var listed = await ReconcileAsync(_sites.Primary, "--dry-run");
        Assert.Equal(["missed lost/app:v1", "missed lost/app:v2"], listed);
        Assert.Null(await _sites.Secondary.Client.ResolveAsync("lost/app", "v1", Stop));
        Assert.Equal(listed, await ReconcileAsync(_sites.Primary));
        await _sites.WaitForArrivalAsync(first, s_deadline, Stop);
        var moved = await PushAsync("lost/app", "v1", 4);
        Assert.Equal(["changed lost/app:v1"], await ReconcileAsync(_sites.Primary));
        await _sites.WaitForArrivalAsync(moved, s_deadline, Stop);
        await _sites.WaitUntilEqualAsync(s_deadline, cancellationToken: Stop);
        Assert.Empty(await ReconcileAsync(_sites.Primary));

        // At the secondary somebody loses a tag and moves another.
        await SyncedAsync();
        RemoveTag(_sites.Secondary, "lost/app", "v2");
        await _sites.Secondary.Pusher.PushAsync("told/app", "v1", ImageSpec.Random(ImageKind.Oci, 5, layers: 1, size: 64), Stop);
        Assert.Equal(["gone lost/app:v2", "changed told/app:v1"], await ReconcileAsync(_sites.Secondary, "--dry-run"));
        Assert.Equal(["gone lost/app:v2", "changed told/app:v1"], await ReconcileAsync(_sites.Secondary));
        await _sites.WaitUntilEqualAsync(s_deadline, cancellationToken: Stop);
        await SyncedAsync();
        Assert.Empty(await ReconcileAsync(_sites.Secondary));

        // As if an event had been applied to another digest: this site agrees with itself, and differs from the primary.
        var other = await _sites.Secondary.Pusher.PushAsync("told/app", "v1", ImageSpec.Random(ImageKind.Oci, 6, layers: 1, size: 64), Stop);
        await using (var source = NpgsqlDataSource.Create(_sites.Secondary.ConnectionString))
        await using (var change = source.CreateCommand("update tag set digest = $1 where repository = 'told/app'"))
        {
            change.Parameters.Add(new() { Value = other.Digest });
            await change.ExecuteNonQueryAsync(Stop);
        }
        Assert.Equal(["differs told/app:v1"], await ReconcileAsync(_sites.Secondary));
        await _sites.WaitForArrivalAsync(told, s_deadline, Stop);

        // At the primary a tag goes without a word; the last of a repository is doubted.
        RemoveTag(_sites.Primary, "lost/app", "v2");
        RemoveTag(_sites.Primary, "told/app", "v1");
        Assert.Equal(["gone lost/app:v2", "doubtful told/app:"], await ReconcileAsync(_sites.Primary));
        Assert.Equal(["delete lost/app:v2"], await EventsAsync("delete"));
    }

    [Fact]
    public async Task RegistryRestart_WhoseQueueIsLost_IsNoticedAndReconciled()
    {
        await _sites.WaitForArrivalAsync(await PushAsync("restart/told", "v1", 1), s_deadline, Stop);
        fixture.Relay.Swap("restart/lost", _ => """{"events":[{"id":"x","action":"pull"}]}"""u8.ToArray());
        var lost = await PushAsync("restart/lost", "v1", 2);
        await _sites.Primary.Registry.StopAsync();
        await _sites.Primary.Registry.StartAgainAsync(Stop);
        await PushAsync("restart/told", "v2", 3);
        await _sites.WaitForArrivalAsync(lost, s_deadline, Stop);
        Assert.Contains("push restart/lost:v1", await EventsAsync("push"));
    }

    private Task<PushedImage> PushAsync(string repository, string tag, int seed) =>
        _sites.Primary.Pusher.PushAsync(repository, tag, ImageSpec.Random(ImageKind.Oci, 90_000 + seed, layers: 1, size: 64), Stop);

    private async Task SyncedAsync()
    {
        await using var source = NpgsqlDataSource.Create(_sites.Secondary.ConnectionString);
        await Wait.UntilAsync(async token =>
        {
            await using var command = source.CreateCommand("select not exists (select from repository where state <> 2) and not exists (select from waiting_reference)");
            return (bool)(await command.ExecuteScalarAsync(token))!;
        }, s_deadline, () => _sites.Secondary.Geo.Serve?.LogTail(30) ?? "", Stop);
    }

    private static async Task<IReadOnlyList<string>> ReconcileAsync(Site site, params string[] more)
    {
        var result = await site.Geo.RunAsync(["reconcile", "--json", .. more]);
        result.EnsureSuccess();
        return [.. JsonDocument.Parse(result.Output).RootElement.EnumerateArray()
            .Select(f => $"{f.GetProperty("kind")} {f.GetProperty("repository")}:{f.GetProperty("tag")}")];
    }

    private async Task<IReadOnlyList<string>> EventsAsync(string kind)
    {
        await using var source = NpgsqlDataSource.Create(_sites.Primary.ConnectionString);
        await using var command = source.CreateCommand("select kind || ' ' || repository || ':' || tag from event where origin = 'reconcile' and kind = $1 order by id");
        command.Parameters.Add(new() { Value = kind });
        var events = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(Stop);
        while (await reader.ReadAsync(Stop))
            events.Add(reader.GetString(0));
        return events;
    }

    private static void RemoveTag(Site site, string repository, string tag) =>
        Directory.Delete(Path.Combine(site.Registry.StorageDirectory, "docker/registry/v2/repositories", repository, "_manifests/tags", tag), recursive: true);
}
