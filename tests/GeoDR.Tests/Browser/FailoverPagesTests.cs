using GeoDR.Lab;
using Microsoft.Playwright;
using Npgsql;

namespace GeoDR.Tests.Browser;

/// <summary>A failover by the dashboard alone: looked at, drilled, promoted, and the old primary demoted.</summary>
public sealed class FailoverPagesTests
{
    private const string Password = "a long enough password";

    private static readonly LocatorAssertionsToBeVisibleOptions s_soon = new() { Timeout = 30_000 };

    private static readonly LocatorAssertionsToContainTextOptions s_text = new() { Timeout = 30_000 };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Secondary_IsCheckedDrilledAndPromoted_AndThePrimaryDemoted_OnThePages()
    {
        var starting = Chromium.StartAsync();
        await using var sites = await SiteGroup.StartAsync(new() { Names = ["berlin", "madrid"] }, Stop);
        await using var chromium = await starting;
        var (berlin, madrid) = (sites["berlin"], sites["madrid"]);
        var image = await berlin.Pusher.PushAsync("app/web", "v1", ImageSpec.Random(ImageKind.Oci, 1), Stop);
        await Task.WhenAll(AddAsync(madrid, "admin"), AddAsync(madrid, "viewer"), AddAsync(berlin, "admin"), SiteGroup.ArrivesAsync(madrid, image, TimeSpan.FromSeconds(30), Stop));
        var page = await OpenAsync(chromium, madrid, "admin");

        // An administrator's page checks by itself; whoever only looks sees the same, and no buttons.
        await Assertions.Expect(page.GetByTestId("checks").GetByText("registry", new() { Exact = true })).ToBeVisibleAsync(s_soon);
        await page.GetByTestId("check-now").ClickAsync();
        await Assertions.Expect(page.GetByTestId("verdict")).ToContainTextAsync("Yes", s_text);
        await Assertions.Expect(page.GetByTestId("sites").Locator("tr", new() { HasText = "berlin" })).ToContainTextAsync("epoch 1", s_text);
        await Chromium.KeepAsync(page, "failover");
        var viewer = await OpenAsync(chromium, madrid, "viewer", phone: true);
        await Assertions.Expect(viewer.GetByTestId("verdict")).ToContainTextAsync("Yes", s_text);
        await Assertions.Expect(viewer.GetByTestId("promote").Or(viewer.GetByTestId("check-now"))).ToHaveCountAsync(0);
        await Chromium.KeepAsync(viewer, "failover-phone-dark");

        await GoAsync(page, madrid, "/drill");
        await page.GetByTestId("drill-now").ClickAsync(new() { Timeout = 30_000 });
        await Assertions.Expect(page.GetByTestId("drill-report")).ToContainTextAsync("1 of 1 repository", s_text);
        await Chromium.KeepAsync(page, "drill");

        await PromoteAsync(page, madrid);
        await DemoteAsync(await OpenAsync(chromium, berlin, "admin"));
        await DecideAsync(page, madrid);
        await Chromium.KeepAsync(viewer, "failover-promoted-phone-dark");
        Assert.Equal(["promote begun admin", "promote admin", "divergent drop admin", "divergent drop admin"], await AuditAsync(madrid));
        Assert.Contains("follow admin", await AuditAsync(berlin));
    }

    private static async Task PromoteAsync(IPage page, Site madrid)
    {
        await GoAsync(page, madrid, "/failover");
        await page.GetByTestId("promote").ClickAsync(new() { Timeout = 30_000 });
        await Assertions.Expect(page.GetByTestId("promote-words")).ToContainTextAsync("berlin answers: it hands over to madrid", s_text);
        await Chromium.KeepAsync(page, "promote-planned");
        await Chromium.EnsureAccessibleAsync(page, "the question before a promotion");
        await page.GetByText("Do not have berlin hand over").ClickAsync();
        await Assertions.Expect(page.GetByTestId("promote-words")).ToContainTextAsync("is not asked", s_text);
        await page.GetByTestId("typed-name").FillAsync("berlin");
        await page.GetByTestId("confirm").ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Alert).GetByText("That is not the site's name, madrid. Nothing was done.")).ToBeVisibleAsync(s_soon);
        await Chromium.KeepAsync(page, "promote-wrong-name");
        await page.GetByTestId("typed-name").FillAsync("madrid");
        await page.GetByTestId("typed-name").PressAsync("Enter");
        await Assertions.Expect(page.GetByTestId("run")).ToBeVisibleAsync(s_soon);
        await Chromium.KeepAsync(page, "promotion-running");

        // The program begins anew as a primary: the page comes back by itself.
        await Assertions.Expect(page.GetByTestId("run")).ToContainTextAsync("GeoDR was notified of it", s_text);
        await Assertions.Expect(page.GetByTestId("primary-part")).ToContainTextAsync("This site is the primary", s_text);
        await Chromium.KeepAsync(page, "promotion-done");
        await page.GetByTestId("run-report").ClickAsync();
        await Assertions.Expect(page.GetByTestId("report")).ToContainTextAsync("0 pushes that were known", s_text);
        await Assertions.Expect(page.GetByRole(AriaRole.Cell, new() { Name = "announce", Exact = true })).ToBeVisibleAsync();
        await Chromium.KeepAsync(page, "failover-report");
    }

    private static async Task DemoteAsync(IPage page)
    {
        await page.GetByTestId("demote").ClickAsync(new() { Timeout = 30_000 });
        await page.GetByTestId("typed-name").FillAsync("berlin");
        await Chromium.KeepAsync(page, "demote");
        await page.GetByTestId("confirm").ClickAsync();
        await Assertions.Expect(page.GetByTestId("verdict")).ToBeVisibleAsync(s_soon);
    }

    private static async Task DecideAsync(IPage page, Site madrid)
    {
        await madrid.Postgres.ExecuteAsync("""
            insert into divergent_tag (site, repository, tag, digest, other)
            select 'berlin', 'app/web', t, 'sha256:' || encode(sha256(t::bytea), 'hex'), case t when 'v8' then 'sha256:' || repeat('c', 64) end from unnest(array['v8', 'v9']) t
            """, Site.Database, Stop);
        await GoAsync(page, madrid, "/divergent?all=true");
        await page.GetByTestId("select-all").ClickAsync(new() { Timeout = 30_000 });
        await Assertions.Expect(page.GetByText("2 tags selected")).ToBeVisibleAsync(s_soon);
        await Chromium.KeepAsync(page, "divergent");
        await page.GetByTestId("selected-drop").ClickAsync();
        await Assertions.Expect(page.Locator(".rz-dialog")).ToContainTextAsync("Drop 2 tags of berlin", s_text);
        await Chromium.KeepAsync(page, "divergent-drop");
        await Chromium.EnsureAccessibleAsync(page, "the question before a drop");
        await page.Locator(".rz-dialog").GetByRole(AriaRole.Button, new() { Name = "Drop", Exact = true }).ClickAsync();
        await Assertions.Expect(page.GetByTestId("divergent").GetByText("drop by admin, done")).ToHaveCountAsync(2, new() { Timeout = 20_000 });
    }

    private static async Task<IPage> OpenAsync(Chromium chromium, Site site, string name, bool phone = false)
    {
        var page = await chromium.Browser.NewPageAsync(phone
            ? new() { ViewportSize = new() { Width = 390, Height = 844 }, ColorScheme = ColorScheme.Dark }
            : new() { ViewportSize = new() { Width = 1280, Height = 900 } });
        await Chromium.SignInAsync(page, site.Geo.Url, name, Password);
        await Assertions.Expect(page.GetByRole(AriaRole.Link, new() { Name = "Failover", Exact = true })).ToHaveAttributeAsync("href", "/failover");
        await GoAsync(page, site, "/failover");
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Failover", Exact = true })).ToBeVisibleAsync(s_soon);
        return page;
    }

    private static Task<IResponse?> GoAsync(IPage page, Site site, string path) => page.GotoAsync(new Uri(site.Geo.Url, path).ToString());

    private static async Task AddAsync(Site site, string role) =>
        (await site.Geo.RunAsync(["user", "add", role, "--role", role, "--password-stdin"], Password, Stop)).EnsureSuccess();

    private static async Task<List<string>> AuditAsync(Site site)
    {
        await using var source = NpgsqlDataSource.Create(site.ConnectionString);
        await using var command = source.CreateCommand("select what || ' ' || who from audit where what ~ '^(promote|divergent|follow)' order by id");
        await using var row = await command.ExecuteReaderAsync(Stop);
        var lines = new List<string>();
        while (await row.ReadAsync(Stop))
            lines.Add(row.GetString(0));
        return lines;
    }
}
