using System.Net;
using System.Text.RegularExpressions;

namespace GeoDR.Lab;

/// <summary>Somebody who signed in at a site's dashboard, without a browser.</summary>
public sealed partial class DashboardSession : IDisposable
{
    private readonly HttpClientHandler _handler = new() { AllowAutoRedirect = false, UseProxy = false };

    private DashboardSession(Uri site) => Http = new(_handler) { BaseAddress = site };

    /// <summary>Carries the session's cookies, and what a write of this session needs beside them.</summary>
    public HttpClient Http { get; }

    public CookieContainer Cookies => _handler.CookieContainer;

    public static async Task<DashboardSession> SignInAsync(Uri site, string name, string password, CancellationToken cancellationToken = default) =>
        await TrySignInAsync(site, name, password, cancellationToken) is var (session, status, _) && session is not null ? session
        : throw new LabException($"{name} could not sign in at {site}: {(int)status}");

    /// <returns>No session where it was refused: then what was answered.</returns>
    public static async Task<(DashboardSession? Session, HttpStatusCode Status, string Answer)> TrySignInAsync(
        Uri site, string name, string password, CancellationToken cancellationToken = default)
    {
        var session = new DashboardSession(site);
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["__RequestVerificationToken"] = await session.TokenAsync("/login", cancellationToken),
            ["name"] = name,
            ["password"] = password,
        });
        using var answer = await session.Http.PostAsync("/login", form, cancellationToken);
        if (answer.StatusCode != HttpStatusCode.Redirect)
        {
            session.Dispose();
            return (null, answer.StatusCode, await answer.Content.ReadAsStringAsync(cancellationToken));
        }

        session.Http.DefaultRequestHeaders.Add("RequestVerificationToken", await session.TokenAsync("/sites", cancellationToken));
        return (session, answer.StatusCode, "");
    }

    public void Dispose()
    {
        Http.Dispose();
        _handler.Dispose();
    }

    private async Task<string> TokenAsync(string page, CancellationToken cancellationToken) =>
        FormToken().Match(await Http.GetStringAsync(page, cancellationToken)).Groups[1].Value;

    [GeneratedRegex("name=\"__RequestVerificationToken\"[^>]*value=\"([^\"]+)\"")]
    private static partial Regex FormToken();
}
