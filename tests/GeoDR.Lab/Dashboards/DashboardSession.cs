using System.Net;
using System.Text.RegularExpressions;

namespace GeoDR.Lab;

/// <summary>Somebody who signed in at a site's dashboard, without a browser.</summary>
public sealed partial class DashboardSession : IDisposable
{
    private readonly HttpClientHandler _handler = new() { AllowAutoRedirect = false, UseProxy = false };

    private DashboardSession(Uri site) => Http = new(_handler) { BaseAddress = site };

    /// <summary>Carries the session's cookies.</summary>
    public HttpClient Http { get; }

    public CookieContainer Cookies => _handler.CookieContainer;

    public static async Task<DashboardSession> SignInAsync(Uri site, string name, string password, CancellationToken cancellationToken = default)
    {
        var session = new DashboardSession(site);
        var page = await session.Http.GetStringAsync("/login", cancellationToken);
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["__RequestVerificationToken"] = FormToken().Match(page).Groups[1].Value,
            ["name"] = name,
            ["password"] = password,
        });
        using var answer = await session.Http.PostAsync("/login", form, cancellationToken);
        return answer.StatusCode == HttpStatusCode.Redirect ? session : throw new LabException($"{name} could not sign in at {site}: {(int)answer.StatusCode}");
    }

    public void Dispose()
    {
        Http.Dispose();
        _handler.Dispose();
    }

    [GeneratedRegex("name=\"__RequestVerificationToken\"[^>]*value=\"([^\"]+)\"")]
    private static partial Regex FormToken();
}
