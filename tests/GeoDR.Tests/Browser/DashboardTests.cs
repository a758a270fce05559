using GeoDR.Lab;
using Microsoft.Playwright;

namespace GeoDR.Tests.Browser;

/// <summary>The dashboard in a real Chromium, at two sites of the published program.</summary>
public sealed class DashboardTests(DashboardTests.Fixture fixture) : IClassFixture<DashboardTests.Fixture>
{
    public sealed class Fixture : IAsyncLifetime
    {
        private Chromium _chromium = null!;

        public TwoSites Sites { get; private set; } = null!;
        public IBrowser Chromium => _chromium.Browser;

        public async ValueTask InitializeAsync()
        {
            Sites = await TwoSites.StartAsync();
            foreach (var (name, seed) in new[] { ("shop/cart", 910), ("shop/payments", 911), ("shop/web", 912), ("tools/backup", 913) })
                await Sites.Primary.Pusher.PushAsync(name, "1.0", ImageSpec.Random(ImageKind.Oci, seed));
            _chromium = await Browser.Chromium.StartAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await _chromium.DisposeAsync();
            await Sites.DisposeAsync();
        }
    }

    private readonly TwoSites _sites = fixture.Sites;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Deletions_AreFoundFromTheHeader_AndKeptOrReleased()
    {
        await _sites.Secondary.Postgres.ExecuteAsync("""
            insert into repository (name, state, full_wanted) values ('browser/deleted', 2, 0);
            insert into waiting_deletion (repository_id, reference, event_id)
            select id, t, 1 from repository, unnest(array['old', 'older']) t where name = 'browser/deleted'
            """, Site.Database, Stop);
        var page = await SignedInAsync(_sites.Secondary.Geo.Url);
        await Assertions.Expect(page.GetByTestId("site-deletions")).ToHaveAttributeAsync("href", "/deletions", new() { Timeout = 20_000 });
        await page.GotoAsync(new Uri(_sites.Secondary.Geo.Url, "/deletions").ToString());
        var rows = page.GetByTestId("deletions");
        var kept = rows.GetByText("kept", new() { Exact = true });
        // It can be clicked only once the page is live: the first click counts.
        await rows.GetByRole(AriaRole.Button, new() { Name = "Keep browser/deleted older" }).ClickAsync(new() { Timeout = 20_000 });
        await Assertions.Expect(kept).ToBeVisibleAsync(new() { Timeout = 20_000 });
        // Nothing of it is at either registry: released, it leaves the list when the primary's catalog has been asked.
        await rows.GetByRole(AriaRole.Button, new() { Name = "Release browser/deleted old", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Release", Exact = true }).ClickAsync();
        await Assertions.Expect(rows.GetByText("old", new() { Exact = true })).ToHaveCountAsync(0, new() { Timeout = 20_000 });
        await Assertions.Expect(rows.GetByText("older", new() { Exact = true })).ToBeVisibleAsync();

        await page.GetByTestId("release-all").ClickAsync();
        await Assertions.Expect(page.Locator(".rz-dialog")).ToContainTextAsync("1 deletion will be applied here", new() { Timeout = 20_000 });
        await KeepAsync(page, "release-all");
        await page.GetByRole(AriaRole.Button, new() { Name = "Release 1 deletion", Exact = true }).ClickAsync();
        await Assertions.Expect(rows.GetByText("older", new() { Exact = true })).ToHaveCountAsync(0, new() { Timeout = 20_000 });
    }

    [Fact]
    public async Task UsersAndTokens_AreMadeChangedAndRemoved_ByAnAdministrator()
    {
        var site = _sites.Secondary.Geo.Url;
        var page = await SignedInAsync(site);
        await Assertions.Expect(page.GetByRole(AriaRole.Link, new() { Name = "Users", Exact = true })).ToHaveAttributeAsync("href", "/users");
        await page.GotoAsync(new Uri(site, "/users").ToString());
        var users = page.GetByTestId("users");
        // What is filled in before the page is live is lost.
        await Assertions.Expect(page.GetByTestId("user-add")).ToBeEnabledAsync(new() { Timeout = 20_000 });
        await page.FillAsync("#new-user", "browser-user");
        await page.GetByTestId("user-add").ClickAsync();
        await Assertions.Expect(page.GetByTestId("secret")).ToContainTextAsync("The password of browser-user", new() { Timeout = 20_000 });
        var password = await page.GetByTestId("secret-text").InnerTextAsync();
        await KeepAsync(page, "users");

        // Who may only look, sees neither the pages nor the way to them.
        var viewer = await (await fixture.Chromium.NewContextAsync()).NewPageAsync();
        await Chromium.SignInAsync(viewer, site, "browser-user", password);
        await Assertions.Expect(viewer.GetByRole(AriaRole.Link, new() { Name = "Users", Exact = true })).ToHaveCountAsync(0);
        Assert.Equal(403, (await viewer.GotoAsync(new Uri(site, "/users").ToString()))!.Status);
        await viewer.Context.CloseAsync();

        await users.GetByLabel("Role of browser-user").SelectOptionAsync("operator");
        await page.GetByRole(AriaRole.Button, new() { Name = "Change the role", Exact = true }).ClickAsync(new() { Timeout = 20_000 });
        await Assertions.Expect(page.GetByText("browser-user is operator now")).ToBeVisibleAsync(new() { Timeout = 20_000 });
        // The only administrator stays one.
        await users.GetByRole(AriaRole.Button, new() { Name = $"Remove {TwoSites.AdminUser}", Exact = true }).ClickAsync();
        await Assertions.Expect(page.Locator(".rz-dialog")).ToContainTextAsync("that is you", new() { Timeout = 20_000 });
        await page.GetByRole(AriaRole.Button, new() { Name = "Remove", Exact = true }).ClickAsync();
        await Assertions.Expect(page.GetByText("is the only administrator")).ToBeVisibleAsync(new() { Timeout = 20_000 });
        await users.GetByRole(AriaRole.Button, new() { Name = "Remove browser-user", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Remove", Exact = true }).ClickAsync(new() { Timeout = 20_000 });
        await Assertions.Expect(users.GetByText("browser-user", new() { Exact = true })).ToHaveCountAsync(0, new() { Timeout = 20_000 });

        await page.GetByRole(AriaRole.Link, new() { Name = "API tokens", Exact = true }).ClickAsync();
        await Assertions.Expect(page.GetByTestId("token-add")).ToBeEnabledAsync(new() { Timeout = 20_000 });
        await page.FillAsync("#new-token", "browser script");
        await page.GetByTestId("token-add").ClickAsync();
        await Assertions.Expect(page.GetByTestId("secret-text")).ToContainTextAsync("geodr_", new() { Timeout = 20_000 });
        await KeepAsync(page, "tokens");
        await page.GetByRole(AriaRole.Button, new() { Name = "I have copied it", Exact = true }).ClickAsync();
        await Assertions.Expect(page.GetByTestId("secret")).ToHaveCountAsync(0, new() { Timeout = 20_000 });
        await page.GetByRole(AriaRole.Button, new() { Name = "Revoke browser script", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Revoke", Exact = true }).ClickAsync(new() { Timeout = 20_000 });
        await Assertions.Expect(page.GetByTestId("tokens").GetByText("browser script", new() { Exact = true })).ToHaveCountAsync(0, new() { Timeout = 20_000 });

        await page.GotoAsync(new Uri(site, "/audit?who=admin").ToString());
        // A page that stays open makes no requests, and its lines have the address all the same.
        await Assertions.Expect(page.GetByTestId("audit").Locator("tr", new() { HasText = "API token revoked" }).First).ToContainTextAsync("127.0.0.1", new() { Timeout = 20_000 });
        await KeepAsync(page, "audit");
    }

    [Fact]
    public async Task SiteIsInvited_AndClientsAreFenced_OnTheFailoverPage()
    {
        var page = await SignedInAsync(_sites.Primary.Geo.Url);
        await page.GotoAsync(new Uri(_sites.Primary.Geo.Url, "/failover").ToString());
        await page.GetByTestId("invite-site").ClickAsync(new() { Timeout = 20_000 });
        await page.GetByTestId("invite-name").FillAsync("lisbon");
        await page.GetByTestId("invite").ClickAsync();
        await Assertions.Expect(page.GetByTestId("invitation-line")).ToContainTextAsync("geodr site join geodr-invitation-1-", new() { Timeout = 20_000 });
        await KeepAsync(page, "invitation");
        await page.GetByRole(AriaRole.Button, new() { Name = "I have copied it", Exact = true }).ClickAsync();

        foreach (var (button, done) in new[] { ("Fence clients…", "Clients are fenced."), ("Let clients in…", "Clients are let in.") })
        {
            await Assertions.Expect(page.GetByTestId("fence")).ToContainTextAsync(button, new() { Timeout = 20_000 });
            await page.GetByTestId("fence").ClickAsync();
            await page.GetByTestId("typed-name").FillAsync(TwoSites.PrimaryName);
            await KeepAsync(page, "fence");
            await page.GetByTestId("confirm").ClickAsync();
            await Assertions.Expect(page.GetByText(done).First).ToBeVisibleAsync(new() { Timeout = 20_000 });
        }
    }

    [Fact]
    public async Task Alerts_AreFoundFromTheHeader_AndShownWithWhatToDo()
    {
        await _sites.Primary.Postgres.ExecuteAsync("""
            insert into alert (kind, subject, severity, text, next_step, raised_at, ended_at)
            values ('quarantine', 'site', 'warning', 'a notification was odd', 'look at it', clock_timestamp(), clock_timestamp())
            """, Site.Database, Stop);
        var page = await SignedInAsync(_sites.Primary.Geo.Url);
        await Assertions.Expect(page.GetByTestId("site-alerts")).ToHaveAttributeAsync("href", "/alerts", new() { Timeout = 20_000 });
        await page.GotoAsync(new Uri(_sites.Primary.Geo.Url, "/alerts").ToString());
        await Assertions.Expect(page.GetByTestId("alerts").GetByText("a notification was odd")).ToBeVisibleAsync(new() { Timeout = 20_000 });
        await Assertions.Expect(page.GetByText("Nobody is told")).ToBeVisibleAsync();
        await KeepAsync(page, "alerts");
    }

    [Fact]
    public async Task Dashboard_PushByHand_AppearsWithoutAReload()
    {
        var page = await SignedInAsync(_sites.Secondary.Geo.Url);
        await page.EvaluateAsync("() => { window.notReloaded = true; }");
        var image = await _sites.Primary.Pusher.PushAsync("browser/live", "v1", ImageSpec.Random(ImageKind.Oci, 900), Stop);
        var row = page.GetByTestId("repositories").Locator("tr", new() { HasText = "browser/live" });
        await Assertions.Expect(row.GetByText("synced", new() { Exact = true })).ToBeVisibleAsync(new() { Timeout = 20_000 });
        await _sites.WaitForArrivalAsync(image, TimeSpan.FromSeconds(10), Stop);
        Assert.True(await page.EvaluateAsync<bool>("() => window.notReloaded === true"), "the page was loaded again");
        await Assertions.Expect(page.GetByTestId("site-loss")).ToContainTextAsync("If the primary were lost now: no push that is known would be lost", new() { Timeout = 20_000 });
        await KeepAsync(page, "secondary");

        await row.GetByRole(AriaRole.Link).ClickAsync();
        var attempts = page.GetByTestId("attempts");
        await Assertions.Expect(attempts.GetByText("synced", new() { Exact = true }).First).ToBeVisibleAsync(new() { Timeout = 20_000 });
        await Assertions.Expect(page.GetByText("1 tag, the same at both sites")).ToBeVisibleAsync(new() { Timeout = 20_000 });
        await KeepAsync(page, "repository");

        await page.GotoAsync(new Uri(_sites.Secondary.Geo.Url, "/start").ToString());
        var steps = page.GetByTestId("first-steps").Locator("li");
        await Assertions.Expect(steps).ToHaveCountAsync(5);
        await Assertions.Expect(page.GetByTestId("first-steps").Locator("li.done")).ToHaveCountAsync(5);
    }

    [Fact]
    public async Task Dashboard_ResyncAll_AsksFirstAndIsApplied()
    {
        var image = await _sites.Primary.Pusher.PushAsync("browser/resync", "v1", ImageSpec.Random(ImageKind.Oci, 901), Stop);
        await _sites.WaitForArrivalAsync(image, TimeSpan.FromSeconds(30), Stop);
        var page = await SignedInAsync(_sites.Secondary.Geo.Url);
        var dialog = page.Locator(".rz-dialog");
        // It can be clicked only once the page is live: the first click counts.
        await page.GetByTestId("resync-all").ClickAsync(new() { Timeout = 20_000 });
        await Assertions.Expect(dialog).ToBeVisibleAsync(new() { Timeout = 20_000 });
        await KeepAsync(page, "resync-all");
        await Chromium.EnsureAccessibleAsync(page, "the question before a resync of all");
        await dialog.GetByRole(AriaRole.Button).Filter(new() { HasText = "Resync" }).First.ClickAsync();
        await Wait.UntilAsync(
            async token =>
            {
                await using var source = Npgsql.NpgsqlDataSource.Create(_sites.Secondary.ConnectionString);
                await using var command = source.CreateCommand("select count(*) from request where kind = 'resync' and status = 'done'");
                return (long)(await command.ExecuteScalarAsync(token))! > 0;
            },
            TimeSpan.FromSeconds(20), () => "no resync was applied", Stop);
    }

    [Fact]
    public async Task Repositories_FilteredAndInOrder_AreSelectedAndActedOn()
    {
        await _sites.Secondary.Postgres.ExecuteAsync("""
            insert into repository (name, state, paused, retry_at, last_synced_at)
            select 'select/r' || lpad(i::text, 2, '0'), 3, false, 'infinity', now() - make_interval(hours => i) from generate_series(1, 30) i;
            insert into failure (repository_id, reference, kind, cause, message)
            select id, 'v1', 'terminal', 'manifest too large', 'over 4 MiB' from repository where name like 'select/%'
            """, Site.Database, Stop);
        var page = await SignedInAsync(_sites.Secondary.Geo.Url);
        await page.GotoAsync(new Uri(_sites.Secondary.Geo.Url, "/?search=select/").ToString());
        var rows = page.GetByTestId("repositories").Locator("tbody tr");
        var first = rows.First;
        await Assertions.Expect(page.GetByTestId("pages")).ToContainTextAsync("30 repositories", new() { Timeout = 20_000 });
        await page.GetByTestId("cause").SelectOptionAsync("manifest too large");
        await page.GetByTestId("sort").SelectOptionAsync("synced longest ago first");
        await Assertions.Expect(first).ToContainTextAsync("select/r30");
        await page.GetByTestId("sort").SelectOptionAsync("synced last first");
        await Assertions.Expect(first).ToContainTextAsync("select/r01");
        await page.GetByRole(AriaRole.Link, new() { Name = "Last", Exact = true }).ClickAsync();
        await Assertions.Expect(rows).ToHaveCountAsync(25);
        await Assertions.Expect(rows.Last).ToContainTextAsync("select/r30");
        await page.GetByRole(AriaRole.Link, new() { Name = "Previous" }).ClickAsync();
        await Assertions.Expect(rows).ToHaveCountAsync(5);
        // The view is in the address.
        await page.ReloadAsync();
        await Assertions.Expect(rows).ToHaveCountAsync(5);
        await Assertions.Expect(first).ToContainTextAsync("select/r01");

        await page.GetByTestId("select-page").CheckAsync(new() { Timeout = 20_000 });
        await page.GetByRole(AriaRole.Checkbox, new() { Name = "Select select/r03" }).UncheckAsync();
        await Assertions.Expect(page.GetByTestId("selected")).ToHaveTextAsync("4 selected");
        await KeepAsync(page, "selection");
        await page.GetByTestId("pause-selected").ClickAsync();
        await Assertions.Expect(first).ToContainTextAsync("paused");
        Assert.Equal("4", await ScalarAsync("select count(*) from repository where name like 'select/%' and paused"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Resume select/r01" }).ClickAsync();
        await Assertions.Expect(first).Not.ToContainTextAsync("paused");
        await page.GetByTestId("paused").ClickAsync();
        await Assertions.Expect(rows).ToHaveCountAsync(3);

        await page.GetByTestId("paused").ClickAsync();
        await Assertions.Expect(page.GetByTestId("pages")).ToContainTextAsync("30 repositories");
        await page.GetByTestId("resync-failed").ClickAsync();
        await Assertions.Expect(page.Locator(".rz-dialog")).ToContainTextAsync("30 failed repositories whose name contains “select/” and that failed with “manifest too large”");
        await KeepAsync(page, "resync-failed");
        await page.GetByRole(AriaRole.Button, new() { Name = "Resync 30" }).ClickAsync();
        await Wait.UntilAsync(
            async _ => await ScalarAsync("select marked || status from request where kind = 'resync' and cause_filter = 'manifest too large'") == "30done",
            TimeSpan.FromSeconds(20), () => "no resync was applied", Stop);
    }

    [Fact]
    public async Task Request_ThatWaits_IsStoppedInTheHeader()
    {
        // A worker that never ends is at it, and a check waits for that.
        await _sites.Secondary.Postgres.ExecuteAsync("""
            insert into worker (id, node, slots, lease_until) values ('00000000-0000-0000-0000-00000000b5b5', 'elsewhere', 1, 'infinity');
            insert into repository (name, state, worker_id, claim_token) values ('busy/one', 1, '00000000-0000-0000-0000-00000000b5b5', nextval('claim_token'))
            """, Site.Database, Stop);
        var page = await SignedInAsync(_sites.Secondary.Geo.Url);
        await page.GotoAsync(new Uri(_sites.Secondary.Geo.Url, "/?search=busy/").ToString());
        await Assertions.Expect(page.GetByTestId("pages")).ToContainTextAsync("1 repository", new() { Timeout = 20_000 });
        await page.GetByTestId("reverify-all").ClickAsync(new() { Timeout = 20_000 });
        await page.Locator(".rz-dialog").GetByRole(AriaRole.Button, new() { Name = "Reverify 1" }).ClickAsync(new() { Timeout = 20_000 });
        await Assertions.Expect(page.GetByTestId("request")).ToBeVisibleAsync(new() { Timeout = 20_000 });
        await KeepAsync(page, "request");
        await page.GetByRole(AriaRole.Button, new() { Name = "Stop the reverify" }).ClickAsync();
        await Assertions.Expect(page.Locator(".rz-dialog")).ToContainTextAsync("Checks that have not begun are called off", new() { Timeout = 20_000 });
        await page.GetByRole(AriaRole.Button, new() { Name = "Stop it" }).ClickAsync();
        await Assertions.Expect(page.GetByTestId("request")).ToHaveCountAsync(0, new() { Timeout = 20_000 });
        Assert.Equal("stopped", await ScalarAsync("select status from request where kind = 'reverify' order by id desc limit 1"));
        Assert.Equal("0", await ScalarAsync("select count(*) from verification where asked_at is not null"));
        await _sites.Secondary.Postgres.ExecuteAsync("""
            delete from repository where name = 'busy/one'; delete from worker where id = '00000000-0000-0000-0000-00000000b5b5'
            """, Site.Database, Stop);
    }

    [Fact]
    public async Task Failures_OfOneCause_AreRetriedTogether()
    {
        foreach (var name in new[] { "group/one", "group/two" })
            await _sites.WaitForArrivalAsync(await _sites.Primary.Pusher.PushAsync(name, "v1", ImageSpec.Random(ImageKind.Oci, 920), Stop), TimeSpan.FromSeconds(30), Stop);
        await _sites.Secondary.Postgres.ExecuteAsync("""
            update repository set state = 3, retry_at = 'infinity' where name like 'group/%';
            insert into failure (repository_id, reference, kind, cause, message) select id, '', 'terminal', 'too large', 'over 10 GiB' from repository where name like 'group/%'
            """, Site.Database, Stop);
        var page = await SignedInAsync(_sites.Secondary.Geo.Url);
        await page.GotoAsync(new Uri(_sites.Secondary.Geo.Url, "/failures").ToString());
        var group = page.GetByTestId("failures").Locator("tbody tr", new() { HasText = "too large" }).Filter(new() { HasText = "group/" });
        await Assertions.Expect(group).ToContainTextAsync("2", new() { Timeout = 20_000 });
        await KeepAsync(page, "failures");
        await group.GetByRole(AriaRole.Button, new() { Name = "Retry all of too large" }).ClickAsync(new() { Timeout = 20_000 });
        await Assertions.Expect(page.GetByText("2 repositories are marked for sync.")).ToBeVisibleAsync(new() { Timeout = 20_000 });
        await Assertions.Expect(group).ToHaveCountAsync(0, new() { Timeout = 20_000 });
        Assert.Equal("2", await ScalarAsync("select count(*) from repository where name like 'group/%' and state = 2"));
    }

    [Fact]
    public async Task Operator_HoldsTheSync_HasARowChecked_AndRunsASchedule()
    {
        var page = await SignedInAsync(_sites.Secondary.Geo.Url);
        await page.GetByRole(AriaRole.Button, new() { Name = "Pause sync" }).ClickAsync(new() { Timeout = 20_000 });
        await Assertions.Expect(page.GetByTestId("pause")).ToContainTextAsync("Resume sync", new() { Timeout = 20_000 });
        Assert.Equal("True", await ScalarAsync("select paused from site"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Resume sync" }).ClickAsync();
        await Assertions.Expect(page.GetByTestId("pause")).ToContainTextAsync("Pause sync", new() { Timeout = 20_000 });
        Assert.Equal("False", await ScalarAsync("select paused from site"));

        await page.GotoAsync(new Uri(_sites.Secondary.Geo.Url, "/?search=shop/cart").ToString());
        await page.GetByRole(AriaRole.Button, new() { Name = "Reverify shop/cart" }).ClickAsync(new() { Timeout = 20_000 });
        await WaitForAsync("select count(*) > 0 from audit where what = 'reverify' and repository = 'shop/cart'");

        await page.GetByRole(AriaRole.Link, new() { Name = "Schedules" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Run now: reconcile" }).ClickAsync(new() { Timeout = 20_000 });
        await WaitForAsync("select count(*) > 0 from schedule_run where schedule = 'reconcile' and status = 'done'");
        await page.GetByRole(AriaRole.Button, new() { Name = "History of reconcile" }).ClickAsync();
        await Assertions.Expect(page.GetByTestId("schedule-runs").GetByText("done", new() { Exact = true }).First).ToBeVisibleAsync(new() { Timeout = 20_000 });
        await KeepAsync(page, "schedules");
    }

    [Fact]
    public async Task Quarantine_IsReadAgain_AndThrownOutWhenAsked()
    {
        var image = await _sites.Primary.Pusher.PushAsync("browser/kept", "v1", ImageSpec.Random(ImageKind.Oci, 930), Stop);
        await _sites.Primary.Postgres.ExecuteAsync($$$"""
            insert into quarantine (body_hash, body, truncated, problems) values
            ('b1', convert_to('{"events":[{"id":"b1","action":"push","target":{"repository":"browser/kept","mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{{{image.Digest}}}"}}]}', 'UTF8'), false, '{older words}'),
            ('b2', 'no JSON', false, '{not JSON}')
            """, Site.Database, Stop);
        var page = await SignedInAsync(_sites.Primary.Geo.Url);
        await page.GotoAsync(new Uri(_sites.Primary.Geo.Url, "/quarantine").ToString());
        var rows = page.GetByTestId("quarantine").Locator("tbody tr");
        await rows.Filter(new() { HasText = "older words" }).GetByRole(AriaRole.Button, new() { Name = "Replay" }).ClickAsync(new() { Timeout = 20_000 });
        await Assertions.Expect(page.GetByText("is understood: 1 event appended")).ToBeVisibleAsync(new() { Timeout = 20_000 });
        await Assertions.Expect(rows).ToHaveCountAsync(1, new() { Timeout = 20_000 });
        await rows.GetByRole(AriaRole.Button, new() { Name = "Replay" }).ClickAsync();
        await Assertions.Expect(page.GetByText("is still not understood")).ToBeVisibleAsync(new() { Timeout = 20_000 });
        await KeepAsync(page, "quarantine");
        await rows.GetByRole(AriaRole.Button, new() { Name = "Drop" }).ClickAsync();
        await page.Locator(".rz-dialog").GetByRole(AriaRole.Button, new() { Name = "Drop" }).ClickAsync(new() { Timeout = 20_000 });
        await Assertions.Expect(page.GetByText("is dropped.")).ToBeVisibleAsync(new() { Timeout = 20_000 });
        await Assertions.Expect(page.GetByTestId("quarantine").GetByText("None.")).ToBeVisibleAsync(new() { Timeout = 20_000 });
    }

    private Task WaitForAsync(string sql) =>
        Wait.UntilAsync(async _ => await ScalarAsync(sql) == "True", TimeSpan.FromSeconds(30), () => $"never: {sql}", Stop);

    private async Task<string?> ScalarAsync(string sql)
    {
        await using var source = Npgsql.NpgsqlDataSource.Create(_sites.Secondary.ConnectionString);
        await using var command = source.CreateCommand(sql);
        return (await command.ExecuteScalarAsync(Stop))?.ToString();
    }

    [Fact]
    public async Task Dashboard_OfThePrimary_ShowsTheSecondary()
    {
        var page = await SignedInAsync(_sites.Primary.Geo.Url);
        await Assertions.Expect(page.GetByTestId($"site-{TwoSites.SecondaryName}")).ToBeVisibleAsync(new() { Timeout = 20_000 });
        await KeepAsync(page, "primary");
    }

    [Fact]
    public async Task Link_FollowedBeforeThePageIsLive_LeadsToAPageThatGoesLive()
    {
        var page = await SignedInAsync(_sites.Secondary.Geo.Url);
        var open = new TaskCompletionSource();
        await page.RouteAsync("**/_blazor/negotiate**", async route =>
        {
            await open.Task;
            try
            {
                await route.ContinueAsync();
            }
            catch (PlaywrightException)
            {
                // Asked by the page that was left.
            }
        });
        await page.GotoAsync(new Uri(_sites.Secondary.Geo.Url, "/alerts").ToString());
        await page.GetByRole(AriaRole.Link, new() { Name = "Schedules" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Schedules", Level = 1 })).ToBeVisibleAsync(new() { Timeout = 20_000 });
        await Assertions.Expect(page.GetByTestId("connecting")).ToBeVisibleAsync(new() { Timeout = 20_000 });
        open.SetResult();
        await Assertions.Expect(page.GetByTestId("connecting")).ToHaveCountAsync(0, new() { Timeout = 20_000 });
        await Assertions.Expect(page.Locator("#blazor-error-ui")).ToBeHiddenAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Workers" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Workers", Level = 1 })).ToBeVisibleAsync(new() { Timeout = 20_000 });
    }

    [Fact]
    public async Task Dashboard_FetchesNothingFromElsewhere()
    {
        var page = await fixture.Chromium.NewPageAsync();
        var foreign = new List<string>();
        page.Request += (_, request) =>
        {
            if (new Uri(request.Url) is { Scheme: "http" or "https" } url && url.Authority != _sites.Secondary.Geo.Url.Authority)
                foreign.Add(request.Url);
        };
        await SignInAsync(page, _sites.Secondary.Geo.Url);
        await Assertions.Expect(page.GetByTestId("repositories")).ToBeVisibleAsync();
        Assert.Empty(foreign);
    }

    private async Task<IPage> SignedInAsync(Uri site)
    {
        var page = await fixture.Chromium.NewPageAsync(new() { ViewportSize = new() { Width = 1280, Height = 800 } });
        await SignInAsync(page, site);
        return page;
    }

    private async Task SignInAsync(IPage page, Uri site)
    {
        await Chromium.SignInAsync(page, site, TwoSites.AdminUser, _sites.AdminPassword);
        await page.WaitForLoadStateAsync(LoadState.Load);
    }

    private static Task<byte[]> KeepAsync(IPage page, string name) => Chromium.KeepAsync(page, name);
}
