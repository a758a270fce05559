using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;

namespace GeoDR.Registry;

/// <summary>Sends requests to one registry: authorization, one retry on 401, timeouts, errors with the registry's own words.</summary>
internal sealed class RegistryTransport : IDisposable
{
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(30);

    private readonly RegistryOptions _options;
    private readonly Func<AuthChallenge?, ITokenSource?> _tokensFor;
    private readonly RegistryHttp _http;
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly Throttle _throttle;
    private readonly TimeProvider _time;
    private volatile State? _state;

    private sealed record State(AuthChallenge? Challenge, ITokenSource? Tokens);

    public RegistryTransport(RegistryOptions options, Func<AuthChallenge?, ITokenSource?> tokensFor)
    {
        (_options, _tokensFor, _time) = (options, tokensFor, options.Time);
        _throttle = new Throttle(options.Connections, options.Time);
        _http = new RegistryHttp(options.Certificates, () => Handler(options), Timeout.InfiniteTimeSpan);
    }

    public AuthChallenge? Challenge => _state?.Challenge;

    /// <summary>The registry's clock at its last answer, where it names one.</summary>
    public DateTimeOffset? ServerTime { get; private set; }

    public Uri Resolve(string path) => new(new Uri(_options.Url.AbsoluteUri.TrimEnd('/') + "/"), path);

    /// <summary>Asks the API root and learns how to authorize.</summary>
    public async Task PingAsync(CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Resolve("v2/"));
        using var response = await SendOnceAsync(request, null, _options.RequestTimeout, cancel);
        ServerTime = response.Headers.Date;
        var challenge = response.StatusCode == HttpStatusCode.Unauthorized ? ChallengeOf(response) : null;
        if (!response.IsSuccessStatusCode && challenge is null)
            throw await ErrorAsync(request, response, cancel);
        _state = new State(challenge, challenge is null ? null : _tokensFor(challenge));
        if (challenge is not null && _state.Tokens is null)
            throw new RegistryException(_options.Name, HttpMethod.Get, request.RequestUri!, HttpStatusCode.Unauthorized, [],
                $"asks for {challenge.Scheme} credentials and none are set: give Username and Password, or Geo:Tokens:*, or for the primary's registry TokensFrom");
    }

    /// <summary>Sends; an answer that <paramref name="accepts"/> does not take is thrown.</summary>
    /// <param name="build">Makes the request anew for each try.</param>
    /// <param name="repeatable">False where a streamed body cannot be sent twice.</param>
    /// <param name="what">What was sent, to name it where it is refused.</param>
    public async Task<HttpResponseMessage> SendAsync(
        Func<HttpRequestMessage> build, IReadOnlyList<Scope> scopes, Func<HttpResponseMessage, bool> accepts, CancellationToken cancel,
        bool repeatable = true, TimeSpan? timeout = null, string? what = null)
    {
        var state = _state ?? await LearnAsync(cancel);
        var renew = false;
        for (var patience = 0; ;)
        {
            var request = build();
            var authorization = state.Tokens is null ? null : await state.Tokens.GetAsync(scopes, renew, cancel);
            var response = await PacedAsync(request, authorization, timeout ?? _options.RequestTimeout, cancel);
            if (accepts(response))
                return response;
            using (response)
            {
                if (response.StatusCode == HttpStatusCode.Unauthorized && !renew && repeatable && state.Tokens is not null)
                    renew = true;
                else if (repeatable && Pause(request.Method, response, patience++) is { } pause)
                    await Task.Delay(pause, _time, cancel);
                else
                    throw await ErrorAsync(request, response, cancel, what);
            }
        }
    }

    /// <summary>How long to wait before the same is asked again; null where asking again is not this call's to do.</summary>
    private static TimeSpan? Pause(HttpMethod method, HttpResponseMessage response, int before)
    {
        var (status, asked) = ((int)response.StatusCode, RetryAfter(response));
        if (status == 429 || status == 503 && asked is not null)
            return before < 6 && (asked ?? TimeSpan.FromMilliseconds(500 << before)) is var pause && pause <= s_longestPause ? pause : null;
        // Distribution answers 500 while it writes the very link that is asked for; one burst must not fail a row.
        return status >= 500 && before < 2 && (method == HttpMethod.Get || method == HttpMethod.Head) ? TimeSpan.FromMilliseconds(100 << (2 * before)) : null;
    }

    private static TimeSpan? RetryAfter(HttpResponseMessage response) => response.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } when response.Headers.Date is { } now && date > now => date - now,
        _ => null,
    };

    private async Task<HttpResponseMessage> PacedAsync(
        HttpRequestMessage request, AuthenticationHeaderValue? authorization, TimeSpan timeout, CancellationToken cancel)
    {
        // A layer may take hours: it is no measure of how many short requests a registry bears.
        if (request.Content is VerifiedBlobContent)
            return await SendOnceAsync(request, authorization, timeout, cancel);
        await _throttle.EnterAsync(cancel);
        var struggles = false;
        try
        {
            var response = await SendOnceAsync(request, authorization, timeout, cancel);
            struggles = (int)response.StatusCode is 429 or >= 500;
            return response;
        }
        finally
        {
            _throttle.Leave(struggles);
        }
    }

    /// <summary>Follows a redirect of a blob to where it is stored; credentials stay here.</summary>
    public async Task<HttpResponseMessage> FollowAsync(Uri location, RangeHeaderValue? range, CancellationToken cancel)
    {
        for (var hops = 0; hops < 5; hops++)
        {
            if (location.Scheme != Uri.UriSchemeHttps && !(location.Scheme == Uri.UriSchemeHttp && _options.AllowHttp))
                throw Unreachable(HttpMethod.Get, location, "a blob was redirected to an address that is not https", null);
            if (!IsBlobHost(location))
                throw Unreachable(HttpMethod.Get, location, $"a blob was redirected to {location.Host}, which is not among the registry's BlobHosts: add it if it is right", null);
            using var request = new HttpRequestMessage(HttpMethod.Get, location);
            request.Headers.Range = range;
            var response = await SendOnceAsync(request, null, _options.RequestTimeout, cancel);
            if (response.IsSuccessStatusCode)
                return response;
            using (response)
            {
                if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308) || response.Headers.Location is not { } next)
                    throw await ErrorAsync(request, response, cancel);
                location = new Uri(location, next);
            }
        }
        throw Unreachable(HttpMethod.Get, location, "a blob was redirected too often", null);
    }

    private bool IsBlobHost(Uri location) =>
        _options.BlobHosts.Count == 0 || location.Authority == _options.Url.Authority
        || _options.BlobHosts.Any(h => h.StartsWith("*.", StringComparison.Ordinal)
            ? location.Host.EndsWith(h[1..], StringComparison.OrdinalIgnoreCase)
            : string.Equals(location.Host, h, StringComparison.OrdinalIgnoreCase));

    public async Task<RegistryException> ErrorAsync(HttpRequestMessage request, HttpResponseMessage response, CancellationToken cancel, string? what = null)
    {
        var errors = await ErrorBody.ReadAsync(response, cancel);
        var words = errors.Count == 0 ? response.ReasonPhrase : string.Join("; ", errors.Select(e => $"{e.Code} {e.Message} {e.Detail}".TrimEnd()));
        var retryAfter = RetryAfter(response);
        return new RegistryException(
            _options.Name, request.Method, request.RequestUri!, response.StatusCode, errors,
            $"{(int)response.StatusCode} {words}{(what is null ? "" : $" (for {what})")}", retryAfter);
    }

    public RegistryException Unreachable(HttpMethod method, Uri uri, string reason, Exception? inner) =>
        new(_options.Name, method, uri, null, [], reason, null, inner);

    public void Dispose()
    {
        _http.Dispose();
        _one.Dispose();
    }

    private async Task<State> LearnAsync(CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            if (_state is null)
                await PingAsync(cancel);
            return _state!;
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task<HttpResponseMessage> SendOnceAsync(
        HttpRequestMessage request, AuthenticationHeaderValue? authorization, TimeSpan timeout, CancellationToken cancel)
    {
        RequestMeter.Sent();
        request.Headers.Authorization = authorization;
        request.Headers.TryAddWithoutValidation("User-Agent", _options.UserAgent);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        // A streamed body takes as long as it takes; its own idle timeout ends it.
        if (request.Content is not VerifiedBlobContent)
            limit.CancelAfter(timeout);
        try
        {
            var response = await _http.Now.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            RequestCounts.Add(_options.Name, response.StatusCode);
            return response;
        }
        catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
        {
            RequestCounts.Add(_options.Name, null);
            throw Unreachable(request.Method, request.RequestUri!, $"no answer within {timeout.TotalSeconds:0.#} s", e);
        }
        catch (Exception) when (request.Content is VerifiedBlobContent { SourceFailure: not null } body)
        {
            // The target's request broke because the source did: the source's error is the one to tell.
            throw body.SourceFailure;
        }
        // A connection that is reset as soon as it stands escapes HttpClient as it is.
        catch (Exception e) when (e is HttpRequestException or IOException or SocketException)
        {
            RequestCounts.Add(_options.Name, null);
            throw Unreachable(request.Method, request.RequestUri!, TlsFaults.Words(e), e);
        }
    }

    private static AuthChallenge? ChallengeOf(HttpResponseMessage response)
    {
        foreach (var header in response.Headers.WwwAuthenticate)
        {
            if (header.Scheme.Equals("Bearer", StringComparison.OrdinalIgnoreCase))
                return new("Bearer", Parameter(header.Parameter, "realm"), Parameter(header.Parameter, "service"));
            if (header.Scheme.Equals("Basic", StringComparison.OrdinalIgnoreCase))
                return new("Basic", null, null);
        }
        return null;
    }

    private static string? Parameter(string? parameters, string name)
    {
        var start = parameters?.IndexOf(name + "=\"", StringComparison.OrdinalIgnoreCase) ?? -1;
        if (start < 0)
            return null;
        start += name.Length + 2;
        var end = parameters!.IndexOf('"', start);
        return end < 0 ? null : parameters[start..end];
    }

    private static SocketsHttpHandler Handler(RegistryOptions options) => new()
    {
        AllowAutoRedirect = false, UseCookies = false, MaxConnectionsPerServer = options.Connections,
        ConnectTimeout = TimeSpan.FromSeconds(5), PooledConnectionLifetime = TimeSpan.FromMinutes(10),
        // A registry that answers early must not wait for the rest of a body it will not take.
        Expect100ContinueTimeout = TimeSpan.FromSeconds(1),
    };
}
