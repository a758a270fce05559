using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using GeoDR.Core.Tests.Postgres;
using GeoDR.Inventory;
using GeoDR.Reconcile;
using GeoDR.Selection;

namespace GeoDR.Core.Tests.Reconcile;

/// <summary>The fingerprints that the database keeps, against their definition.</summary>
public sealed class FingerprintTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private Fingerprints Own => new(Database.Source);

    [Fact]
    public async Task Fingerprint_AfterAnyChanges_IsTheSumOfItsDefinition()
    {
        var random = new Random(1);
        for (var i = 0; i < 60; i++)
        {
            var name = $"r{random.Next(3)}";
            await Database.ExecuteAsync(random.Next(4) switch
            {
                0 => $"delete from tag where repository = '{name}' and name like '%{random.Next(5)}'",
                1 => $"update tag set digest = '{Digest(random.Next(6))}' where name like '%{random.Next(5)}'",
                2 => $"update tag set read_at = clock_timestamp() where repository = '{name}'",
                _ => $"""
                    insert into tag (repository, name, digest)
                    select r, 't' || t, '{Digest(random.Next(6))}' from unnest(array['{name}', 'r9']) r, generate_series({random.Next(5)}, 8) t
                    on conflict (repository, name) do update set digest = excluded.digest
                    """,
            });
            foreach (var repository in new[] { "r0", "r1", "r2", "r9" })
                await RequireAsync(repository);
        }
        Assert.True(await Database.ScalarAsync<long>("select sum(tags)::bigint from fingerprint") > 0);
    }

    [Fact]
    public async Task Fingerprint_ChangedByManyAtOnce_LosesNothing()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async writer =>
        {
            for (var i = 0; i < 25; i++)
                await Database.ExecuteAsync($"insert into tag (repository, name, digest) values ('busy', 't{writer}-{i}', '{Digest(i)}')");
        }));
        await RequireAsync("busy");
        Assert.Equal(200L, await Database.ScalarAsync<long>("select tags from fingerprint where repository = 'busy'"));
    }

    [Fact]
    public async Task Mismatches_NameWhatDiffers_AndNothingThatWasAccepted()
    {
        await Database.ExecuteAsync("insert into log (id) values (gen_random_uuid())");
        await Database.ExecuteAsync($"""
            insert into tag (repository, name, digest) select r, 'v1', '{Digest(1)}' from unnest(array['same', 'other', 'busy', 'only-here']) r;
            insert into repository (name, state) values ('same', 2), ('other', 2), ('busy', 1), ('only-here', 2), ('lost', 2)
            """);
        var page = (await Own.PageAsync(0, 10, Stop))!;
        var changed = new Fingerprint("other", new string('f', 64), 2, 90);
        var peer = new PeerFingerprints(Database.Source, SiteSelection.All);
        Assert.True(await peer.KeepAsync(0, page with
        {
            Items =
            [
                page.Items.Single(f => f.Repository == "same"), changed, changed with { Repository = "busy" }, changed with { Repository = "lost" },
                changed with { Repository = "new" }, changed with { Repository = "hostile", Value = "-1" }, changed with { Repository = "hostile", Value = new string('f', 65) },
            ],
            Next = 90,
        }, Stop));
        Assert.Equal(["lost", "only-here", "other"], await peer.MismatchesAsync(false, "", 10, Stop));
        Assert.Equal(["new"], await peer.UnknownAsync("", 10, Stop));
        await peer.AcceptAsync("other", Stop);
        await peer.AcceptAsync("only-here", Stop);
        Assert.Equal(["lost"], await peer.MismatchesAsync(false, "", 10, Stop));
        await Database.ExecuteAsync($"insert into tag (repository, name, digest) values ('other', 'v2', '{Digest(2)}')");
        Assert.Equal(["lost", "other"], await peer.MismatchesAsync(false, "", 10, Stop));
        // Another history begins again; a page that follows another position is not kept.
        Assert.False(await peer.KeepAsync(90, page with { LogId = Guid.NewGuid(), Items = [] }, Stop));
        Assert.Equal(90, await peer.PositionAsync(page.LogId, Stop));
        Assert.Equal(0, await peer.PositionAsync(Guid.NewGuid(), Stop));
    }

    [Fact]
    public async Task Pages_AfterAChange_HoldThatAlone()
    {
        await Database.ExecuteAsync("insert into log (id) values (gen_random_uuid())");
        await Database.ExecuteAsync($"insert into tag (repository, name, digest) select 'r' || i, 'v1', '{Digest(1)}' from generate_series(1, 25) i");
        var all = new List<Fingerprint>();
        long after = 0;
        for (var more = true; more;)
        {
            var page = (await Own.PageAsync(after, 10, Stop))!;
            all.AddRange(page.Items);
            (after, more) = (page.Next, page.More);
        }
        Assert.Equal(25, all.Select(f => f.Repository).Distinct().Count());
        await Database.ExecuteAsync("delete from tag where repository = 'r7'");
        await Database.ExecuteAsync("update tag set read_at = clock_timestamp()");
        var next = (await Own.PageAsync(after, 10, Stop))!;
        Assert.Equal([("r7", new string('0', 64), 0L)], next.Items.Select(f => (f.Repository, f.Value, f.Tags)));
    }

    private async Task RequireAsync(string repository)
    {
        var tags = await new InventoryStore(Database.Source).TagsAsync(repository, Stop);
        var sum = tags.Aggregate(BigInteger.Zero, (n, t) => n + new BigInteger(
            SHA256.HashData(Encoding.UTF8.GetBytes($"{Encoding.UTF8.GetByteCount(t.Key)}:{t.Key}{t.Value}")), isUnsigned: true, isBigEndian: true));
        var expected = Fingerprints.Hex(sum % BigInteger.Pow(2, 256));
        var kept = await Database.ColumnAsync<BigInteger>($"select value from fingerprint where repository = '{repository}'");
        Assert.Equal(expected, Fingerprints.Hex(kept.SingleOrDefault()));
        Assert.Equal(tags.Count, (await Database.ColumnAsync<long>($"select tags from fingerprint where repository = '{repository}'")).SingleOrDefault());
    }

    private static string Digest(int i) => "sha256:" + new string((char)('0' + i), 64);
}
