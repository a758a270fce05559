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
    public static Task<byte[]> KeepAsync(IPage page, string name) =>
        page.ScreenshotAsync(new() { Path = Path.Combine(AppContext.BaseDirectory, "screenshots", $"{name}.png") });

    public async ValueTask DisposeAsync()
    {
        await Browser.DisposeAsync();
        _playwright.Dispose();
    }
}
