using System.Text.Json;
using GeoDR.Lab;
using Microsoft.Playwright;

namespace GeoDR.Tests.Browser;

/// <summary>Debian's Chromium, driven by Playwright, and what every browser test does with it.</summary>
internal sealed class Chromium : IAsyncDisposable
{
    private static readonly string[] s_arguments =
    [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync",
    ];

    private static readonly string s_axe = Path.Combine(GeoProgram.RepositoryRoot(), ".geodr", "axe.min.js");

    private readonly IPlaywright _playwright;

    private Chromium(IPlaywright playwright, IBrowser browser) => (_playwright, Browser) = (playwright, browser);

    public IBrowser Browser { get; }

    public static async Task<Chromium> StartAsync()
    {
        var playwright = await Playwright.CreateAsync();
        return new(playwright, await playwright.Chromium.LaunchAsync(new() { ExecutablePath = "/usr/bin/chromium", Args = s_arguments }));
    }

    public static async Task SignInAsync(IPage page, Uri site, string name, string password)
    {
        await page.GotoAsync(site.ToString());
        await page.FillAsync("#name", name);
        await page.FillAsync("#password", password);
        await page.Locator("button[type=submit]").First.ClickAsync();
        await Assertions.Expect(page.GetByTestId("site-name")).ToBeVisibleAsync(new() { Timeout = 20_000 });
    }

    /// <summary>Keeps the page as a file of the test run.</summary>
    public static async Task<byte[]> KeepAsync(IPage page, string name)
    {
        await StillAsync(page);
        return await page.ScreenshotAsync(new() { Path = Path.Combine(AppContext.BaseDirectory, "screenshots", $"{name}.png") });
    }

    /// <summary>Returns when nothing fades in any more; what turns for ever, or stands, is not waited for.</summary>
    private static async Task StillAsync(IPage page) => await page.EvaluateAsync(
        "() => Promise.race([new Promise(done => setTimeout(done, 2000)), Promise.all(document.getAnimations().filter(a => a.effect?.getComputedTiming().endTime !== Infinity).map(a => a.finished.catch(() => {})))])");

    /// <summary>The accessibility check; null where npm could not be asked for it.</summary>
    public static string? Axe { get; } = File.Exists(s_axe) ? File.ReadAllText(s_axe) : null;

    /// <summary>What axe-core finds serious or critical on the page as it is; nothing where it is not there.</summary>
    /// <param name="rule">Only this rule.</param>
    public static async Task<IEnumerable<string>> SeriousAsync(IPage page, string where, string? rule = null)
    {
        if (Axe is null)
            return [];
        await StillAsync(page);
        await page.EvaluateAsync($"() => {{ if (!window.axe) {{ {Axe} }} }}");
        var violations = await page.EvaluateAsync<JsonElement>(
            "async rule => (await axe.run(document, { resultTypes: ['violations'], ...(rule ? { runOnly: [rule] } : {}) })).violations", rule);
        return violations.EnumerateArray()
            .Where(v => v.GetProperty("impact").GetString() is "serious" or "critical")
            .Select(v => $"{where}: {v.GetProperty("id").GetString()}: {v.GetProperty("help").GetString()}: "
                + string.Join(" | ", v.GetProperty("nodes").EnumerateArray().Take(3).Select(n => n.GetProperty("html").GetString()![..Math.Min(160, n.GetProperty("html").GetString()!.Length)] + " " + n.GetProperty("failureSummary").GetString()!.ReplaceLineEndings(" "))));
    }

    /// <summary>Fails with what <see cref="SeriousAsync"/> finds: for dialogs, and what else only stands on a page for a while.</summary>
    public static async Task EnsureAccessibleAsync(IPage page, string where) => Assert.Empty(await SeriousAsync(page, where));

    public async ValueTask DisposeAsync()
    {
        await Browser.DisposeAsync();
        _playwright.Dispose();
    }
}
