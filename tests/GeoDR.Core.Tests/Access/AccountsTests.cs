using GeoDR.Audit;
using GeoDR.Core.Tests.Postgres;
using GeoDR.Dashboard.Access;
using GeoDR.Sites;
using Microsoft.Extensions.Logging.Abstractions;

namespace GeoDR.Core.Tests.Access;

/// <summary>The rules for users and API tokens, and what the audit log gathers of refusals.</summary>
public sealed class AccountsTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    private UserAccounts Users => new(new(Database.Source));

    private TokenAccounts Tokens => new(new(Database.Source));

    [Fact]
    public async Task LastAdministrator_StaysOne_AlsoWhenTwoRemoveEachOther()
    {
        foreach (var name in new[] { "ann", "bob" })
            Assert.True((await Users.AddAsync(name, Roles.Admin, "long enough", "test", Stop)).IsDone);
        var both = await Task.WhenAll(Users.RemoveAsync("ann", "bob", itself: false, Stop), Users.RemoveAsync("bob", "ann", itself: false, Stop));
        Assert.Equal([AccountResult.Done, AccountResult.Refused], both.Select(o => o.Result).Order());
        var last = Assert.Single(await Users.ListAsync(Stop)).Name;
        Assert.Equal(AccountResult.Refused, (await Users.SetRoleAsync(last, Roles.Viewer, "test", itself: true, Stop)).Result);
        Assert.Equal(AccountResult.Refused, (await Users.PutAsync(last, Roles.Viewer, "long enough", "test", Stop)).Result);
        Assert.Equal(AccountResult.Done, (await Users.SetRoleAsync(last, Roles.Admin, last, itself: false, Stop)).Result);
        Assert.Equal(1, await Database.ScalarAsync<long>("select count(*) from audit where what = 'user removed'"));
    }

    [Fact]
    public async Task OneselfUnasked_AndNamesThatMislead_AreRefused()
    {
        await Users.AddAsync("ann", Roles.Admin, null, "test", Stop);
        await Users.AddAsync("eve", Roles.Admin, null, "test", Stop);
        Assert.Equal(AccountResult.Refused, (await Users.RemoveAsync("ann", "ann", itself: false, Stop)).Result);
        Assert.Equal(AccountResult.Refused, (await Users.SetRoleAsync("ann", Roles.Viewer, "ann", itself: false, Stop)).Result);
        foreach (var name in new[] { "", " ann", "a/b", "a\0b", "a\nb", "token x", "Proxy ann", new string('a', 65), null })
        {
            Assert.Equal((AccountResult.Bad, name), ((await Users.AddAsync(name, Roles.Viewer, null, "test", Stop)).Result, name));
            Assert.Equal((AccountResult.Bad, name), ((await Tokens.NewAsync(name, Roles.Viewer, null, "test", Stop)).Result, name));
        }
        Assert.Equal(AccountResult.Bad, (await Users.AddAsync("new", "king", null, "test", Stop)).Result);
        Assert.Equal(AccountResult.Bad, (await Users.AddAsync("new", Roles.Viewer, "short", "test", Stop)).Result);
        Assert.Equal(AccountResult.Bad, (await Tokens.NewAsync("new", Roles.Viewer, "-1d", "test", Stop)).Result);
        Assert.Equal(AccountResult.Unknown, (await Users.RemoveAsync("no\0body", "test", itself: false, Stop)).Result);
        Assert.Equal(AccountResult.Unknown, (await Tokens.RevokeAsync("no\0body", "test", Stop)).Result);
        Assert.Equal(AccountResult.Done, (await Users.RemoveAsync("ann", "ann", itself: true, Stop)).Result);
    }

    [Fact]
    public async Task Refusals_OfAFlood_AreAFewLinesThatCountIt()
    {
        var clock = new StoppedTime();
        var audit = new AuditLog(Database.Source);
        var refusals = new Refusals(audit, NullLogger<Refusals>.Instance, clock);
        for (var i = 0; i < 5000; i++)
            refusals.Note(RefusalKinds.Password, $"10.0.{i / 250}.{i % 250}", "unknown user", "POST /login");
        for (var i = 0; i < 100; i++)
            refusals.Note(RefusalKinds.UnknownToken, $"2001:db8:0:1::{i:x}", i % 2 == 0 ? "a\u001b[2J" : "b", "GET /api/v1/status");
        await refusals.StopAsync(Stop);
        var lines = await audit.ListAsync(new(Refused: true), null, 1000, Stop);
        Assert.InRange(lines.Count, 2, 2 * (Refusals.MostLines + 2));
        Assert.Equal((5000, 100), (lines.Where(l => l.What == RefusalKinds.Password).Sum(l => l.Refused), lines.Where(l => l.What == RefusalKinds.UnknownToken).Sum(l => l.Refused)));
        Assert.Contains(lines, l => l.Address == Refusals.Elsewhere && l.Refused > 4000);
        Assert.DoesNotContain(lines, l => l.Who.Any(char.IsControl));

        // The next minute has lines of its own; a network of IPv6 addresses is one.
        clock.Now = clock.Now.AddMinutes(1);
        for (var i = 0; i < 100; i++)
            refusals.Note(RefusalKinds.ExpiredToken, $"2001:db8:0:1::{i:x}", i % 2 == 0 ? "token a" : "token b", "GET /api/v1/status");
        await refusals.StopAsync(Stop);
        var one = (await audit.ListAsync(new(Refused: true), null, 1000, Stop)).Where(l => l.What == RefusalKinds.ExpiredToken).ToList();
        Assert.All(one, l => Assert.Equal(("2001:db8:0:1::/64", AuditLog.Several), (l.Address, l.Who)));
        Assert.Equal(100, one.Sum(l => l.Refused));
        Assert.Empty(await audit.ListAsync(new(Refused: false), null, 10, Stop));
    }

    private sealed class StoppedTime : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
