using GeoDR.Lab;
using Microsoft.Playwright;

namespace GeoDR.Tests.Browser;

/// <summary>Every page at a desk in the light and on a phone in the dark: it says what it is, and an accessibility check finds nothing serious.</summary>
public sealed class PagesTests(DashboardTests.Fixture fixture) : IClassFixture<DashboardTests.Fixture>
{
    private static readonly string[] s_secondary =
        ["/", "/sites", "/failures", "/events", "/deletions", "/failover", "/divergent", "/drill", "/schedules", "/workers", "/charts", "/alerts", "/quarantine", "/settings", "/audit", "/audit?refused=true", "/users", "/tokens", "/repositories/1", "/start"];

    private static readonly string[] s_primary = ["/", "/sites", "/events", "/failover", "/charts", "/workers", "/start"];

    private readonly TwoSites _sites = fixture.Sites;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task EveryPage_AtADeskAndOnAPhone_InTheLightAndInTheDark_IsAccessible()
    {
        await SomethingToShowAsync();
        var found = new List<string>();
        foreach (var (site, paths, role) in new[] { (_sites.Secondary, s_secondary, "secondary"), (_sites.Primary, s_primary, "primary") })
        {
            var page = await fixture.Chromium.NewPageAsync();
            await page.GotoAsync(new Uri(site.Geo.Url, "/login").ToString());
            found.AddRange(await LookAsync(page, $"{role}-login"));
            await Chromium.SignInAsync(page, site.Geo.Url, TwoSites.AdminUser, _sites.AdminPassword);
            foreach (var path in paths)
            {
                await page.GotoAsync(new Uri(site.Geo.Url, path).ToString());
                // Live, not only drawn: nothing of the page is still to come.
                await Assertions.Expect(page.GetByTestId("connecting")).ToHaveCountAsync(0, new() { Timeout = 30_000 });
                await Assertions.Expect(page.Locator("main h1")).ToBeVisibleAsync(new() { Timeout = 30_000 });
                await Assertions.Expect(page.GetByText("Reading…")).ToHaveCountAsync(0, new() { Timeout = 30_000 });
                found.AddRange(await LookAsync(page, $"{role}{(path == "/" ? "-overview" : path.Replace('/', '-').Replace('?', '-'))}"));
            }

            await page.CloseAsync();
        }

        Assert.True(found.Count == 0, string.Join('\n', found));
        Assert.SkipWhen(Chromium.Axe is null, "the pages were looked at, but not for accessibility: axe-core is not there, ./scripts/prepare fetches it from npm");
    }

    /// <summary>Everything is checked at a desk in the light and on a phone in the dark; colours alone differ in the other two.</summary>
    private static async Task<List<string>> LookAsync(IPage page, string name)
    {
        // Colours that are still on their way from one scheme to the other are nobody's.
        await page.AddStyleTagAsync(new() { Content = "*, *::before, *::after { transition: none !important }" });
        var found = new List<string>();
        foreach (var (phone, scheme, rule) in new[]
        {
            (false, ColorScheme.Light, null), (false, ColorScheme.Dark, "color-contrast"), (true, ColorScheme.Light, "color-contrast"), (true, ColorScheme.Dark, null),
        })
        {
            var (width, height) = phone ? (390, 844) : (1400, 900);
            await page.SetViewportSizeAsync(width, height);
            await page.EmulateMediaAsync(new() { ColorScheme = scheme });
            var where = $"{(phone ? "phone" : "desk")}-{(scheme == ColorScheme.Dark ? "dark" : "light")}-{name}";
            found.AddRange(await Chromium.SeriousAsync(page, where, rule));
            var wide = await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth - document.documentElement.clientWidth");
            if (wide > 0)
                found.Add($"{where} is {wide} pixels wider than the screen");
            if (rule is null)
                await Chromium.KeepAsync(page, where);
        }

        return found;
    }

    private async Task SomethingToShowAsync()
    {
        await _sites.Secondary.Postgres.ExecuteAsync("""
            insert into repository (name, state, retry_at) values ('broken/one', 3, null) on conflict do nothing;
            insert into failure (repository_id, reference, kind, cause, message)
                select id, 'v1', 'terminal', 'too large', 'The registry refused it: 413' from repository where name = 'broken/one' on conflict do nothing;
            insert into app_user (name, password_hash, role, failed_logins, locked_until) values ('locked', '', 'operator', 5, 'infinity') on conflict do nothing;
            insert into api_token (name, token_hash, role, expires_at) values ('nightly script', '\x00', 'viewer', now() - interval '1 day') on conflict do nothing;
            insert into audit (who, what, address, detail, refused) values ('admin', 'refused: wrong password', '198.51.100.7', 'POST /login', 3) on conflict do nothing;
            insert into sample (seconds, at, lag_events, lag_seconds, backlog, failed, events, synced, bytes)
                select 15, date_bin('15 seconds', now(), 'epoch') - make_interval(secs => 15 * i), i % 30, i % 9, 3 * (i % 40), i / 100, i % 12, i % 12, 1000000 * (i % 17)
                from generate_series(1, 230) i where i not between 90 and 110 on conflict do nothing
            """, Site.Database, Stop);
    }
}
