using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace GeoDR.Lab;

/// <summary>
/// The lab's own client of a registry, apart from the code under test: plain requests, with whatever the registry asks for as
/// proof. Tokens are fetched before a request, so that a long upload never starts with a refused one.
/// </summary>
public sealed partial class RegistryClient : IDisposable
{
    private readonly HttpClient _http;
    private readonly BasicAuth? _credentials;
    private readonly ConcurrentDictionary<string, (string Token, DateTimeOffset Until)> _tokens = new();
    private readonly SemaphoreSlim _challengeOnce = new(1);
    private AuthenticationHeaderValue? _challenge;
    private bool _challenged;

    public RegistryClient(Uri url, BasicAuth? credentials = null)
    {
        Url = url;
        _credentials = credentials;
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = true, UseCookies = false, UseProxy = false })
        {
            Timeout = TimeSpan.FromMinutes(10),
        };
    }

    public Uri Url { get; }

    /// <summary>Everything that a manifest can be: with less, Distribution answers 404 to the rest.</summary>
    public static IReadOnlyList<string> ManifestTypes { get; } =
    [
        MediaTypes.OciManifest,
        MediaTypes.OciIndex,
        MediaTypes.DockerManifest,
        MediaTypes.DockerList,
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    ];

    /// <summary>One request below <c>/v2/</c>; the scope is what a token must grant, null where none is asked. The caller judges the status.</summary>
    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method,
        Uri address,
        string? scope,
        HttpContent? content = null,
        bool acceptManifests = false,
        CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(method, address) { Content = content };
        if (acceptManifests)
        {
            foreach (var type in ManifestTypes)
            {
                request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(type));
            }
        }

        request.Headers.Authorization = await ProofAsync(scope, cancellationToken);
        return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    public Uri Address(string path) => new(Url, "v2/" + path);

    public void Dispose()
    {
        _http.Dispose();
        _challengeOnce.Dispose();
    }

    internal static async Task<LabException> FaultAsync(HttpMethod method, Uri address, HttpResponseMessage answer, CancellationToken cancellationToken) =>
        new($"{method} {address}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(cancellationToken)}");

    private async Task<AuthenticationHeaderValue?> ProofAsync(string? scope, CancellationToken cancellationToken)
    {
        await LearnChallengeAsync(cancellationToken);
        if (_challenge is null || _credentials is not { } user)
        {
            return null;
        }

        var basic = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user.User}:{user.Password}")));
        if (!_challenge.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase))
        {
            return basic;
        }

        var key = scope ?? "";
        var now = TimeProvider.System.GetUtcNow();
        if (!_tokens.TryGetValue(key, out var token) || token.Until < now)
        {
            var (text, lifetime) = await FetchTokenAsync(_challenge.Parameter ?? "", key, basic, cancellationToken);
            _tokens[key] = token = (text, now + (lifetime / 2));
        }

        return new AuthenticationHeaderValue("Bearer", token.Token);
    }

    private async Task LearnChallengeAsync(CancellationToken cancellationToken)
    {
        if (_challenged)
        {
            return;
        }

        await _challengeOnce.WaitAsync(cancellationToken);
        try
        {
            using var answer = await _http.GetAsync(Address(""), cancellationToken);
            _challenge = answer.StatusCode == HttpStatusCode.Unauthorized ? answer.Headers.WwwAuthenticate.FirstOrDefault() : null;
            // A proxy that has no registry yet says nothing of what the registry will ask for.
            _challenged = answer.StatusCode == HttpStatusCode.Unauthorized || answer.IsSuccessStatusCode;
        }
        finally
        {
            _challengeOnce.Release();
        }
    }

    private async Task<(string Token, TimeSpan Lifetime)> FetchTokenAsync(string challenge, string scope, AuthenticationHeaderValue proof, CancellationToken cancellationToken)
    {
        var parameters = Parameter().Matches(challenge).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
        var query = $"?service={Uri.EscapeDataString(parameters.GetValueOrDefault("service", ""))}"
            + string.Concat(scope.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(s => $"&scope={Uri.EscapeDataString(s)}"));
        using var request = new HttpRequestMessage(HttpMethod.Get, parameters["realm"] + query);
        request.Headers.Authorization = proof;
        using var answer = await _http.SendAsync(request, cancellationToken);
        if (!answer.IsSuccessStatusCode)
        {
            throw await FaultAsync(HttpMethod.Get, request.RequestUri!, answer, cancellationToken);
        }

        var body = JsonNode.Parse(await answer.Content.ReadAsStringAsync(cancellationToken))!;
        return ((string)(body["token"] ?? body["access_token"])!, TimeSpan.FromSeconds((int?)body["expires_in"] ?? 60));
    }

    [GeneratedRegex("(\\w+)=\"([^\"]*)\"")]
    private static partial Regex Parameter();
}
