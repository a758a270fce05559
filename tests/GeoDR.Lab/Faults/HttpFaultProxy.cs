using GeoDR.Lab.Registries;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using System.Collections.Concurrent;
using System.Net;

namespace GeoDR.Lab.Faults;

/// <summary>A streaming HTTP reverse proxy that passes everything on as it is, except for scripted rules. The Host header is kept:
/// a registry builds its Location from it, so what it names leads through the proxy again.</summary>
public sealed class HttpFaultProxy : IAsyncDisposable
{
    static readonly HashSet<string> HopByHop = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "TE", "Trailer", "Upgrade", "Expect",
    };

    readonly Uri _target;
    readonly ConcurrentQueue<HttpFaultRule> _rules = new();
    readonly HttpMessageInvoker _client = new(new SocketsHttpHandler
    {
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ActivityHeadersPropagator = null,
        MaxConnectionsPerServer = int.MaxValue,
        ConnectCallback = GentleStream.ConnectAsync,
    });
    KestrelHost _host = null!;
    int _total;

    HttpFaultProxy(Uri target) => _target = target;

    public Uri Url => _host.Url;
    public int Port => _host.Url.Port;
    /// <summary>Every request that arrived.</summary>
    public int Total => Volatile.Read(ref _total);

    public static async Task<HttpFaultProxy> StartAsync(Uri target, int port = 0)
    {
        var proxy = new HttpFaultProxy(target);
        proxy._host = await KestrelHost.StartAsync(port, proxy.HandleAsync);
        return proxy;
    }

    /// <summary>Rules are asked in the order they were added; the first that takes a request is the one.</summary>
    public HttpFaultRule Add(HttpFaultRule rule)
    {
        _rules.Enqueue(rule);
        return rule;
    }

    public void Clear() => _rules.Clear();

    public async ValueTask DisposeAsync()
    {
        foreach (var rule in _rules)
        {
            rule.Release();
        }

        await _host.DisposeAsync();
        _client.Dispose();
    }

    async Task HandleAsync(HttpContext http)
    {
        Interlocked.Increment(ref _total);
        var pathAndQuery = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var rule = _rules.FirstOrDefault(r => r.Take(http.Request.Method, pathAndQuery));
        try
        {
            if (rule is { Delay: var delay } && delay > TimeSpan.Zero)
            {
                await Task.Delay(delay, TimeProvider.System, http.RequestAborted);
            }

            await (rule?.Status is { } status ? AnswerAsync(http, rule, status) : ForwardAsync(http, rule, pathAndQuery));
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException or BadHttpRequestException)
        {
            // What breaks between proxy and target looks to the client like a broken connection, never like a tidy 502.
            http.Abort();
        }
    }

    static async Task AnswerAsync(HttpContext http, HttpFaultRule rule, int status)
    {
        http.Response.StatusCode = status;
        foreach (var (name, value) in rule.Headers)
        {
            http.Response.Headers[name] = value;
        }

        await http.Response.WriteAsync(rule.Body, http.RequestAborted);
    }

    async Task ForwardAsync(HttpContext http, HttpFaultRule? rule, string pathAndQuery)
    {
        using var request = new HttpRequestMessage(new HttpMethod(http.Request.Method), new Uri(_target, pathAndQuery));
        if (http.Request.ContentLength is not null || http.Request.Headers.TransferEncoding.Count > 0)
        {
            request.Content = rule?.CutRequestAfter is { } cut ? new CutContent(http.Request.Body, cut) : new StreamContent(http.Request.Body);
        }

        foreach (var (name, values) in http.Request.Headers.Where(h => !HopByHop.Contains(h.Key)))
        {
            if (!request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values))
            {
                request.Content?.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
            }
        }

        using var response = await _client.SendAsync(request, http.RequestAborted);
        http.Response.StatusCode = (int)response.StatusCode;
        foreach (var (name, values) in response.Headers.NonValidated.Concat(response.Content.Headers.NonValidated).Where(h => !HopByHop.Contains(h.Key)))
        {
            http.Response.Headers[name] = new StringValues([.. values]);
        }

        await using var body = await response.Content.ReadAsStreamAsync(http.RequestAborted);
        await CopyAsync(body, http, rule);
    }

    static async Task CopyAsync(Stream body, HttpContext http, HttpFaultRule? rule)
    {
        var buffer = new byte[1 << 16];
        var sent = 0L;
        var limit = rule?.CutResponseAfter ?? rule?.StallResponseAfter ?? long.MaxValue;
        while (true)
        {
            var wanted = (int)Math.Min(buffer.Length, limit - sent);
            if (wanted == 0)
            {
                await http.Response.Body.FlushAsync(http.RequestAborted);
                if (rule!.CutResponseAfter is not null)
                {
                    Cut(http);
                    return;
                }

                await rule.Released.WaitAsync(http.RequestAborted);
                limit = long.MaxValue;
                continue;
            }

            var read = await body.ReadAsync(buffer.AsMemory(0, wanted), http.RequestAborted);
            if (read == 0)
            {
                return;
            }

            await http.Response.Body.WriteAsync(buffer.AsMemory(0, read), http.RequestAborted);
            // Flushed at once: a slow answer must look as slow to the client as it is.
            await http.Response.Body.FlushAsync(http.RequestAborted);
            sent += read;
        }
    }

    /// <summary>With a Content-Length, Kestrel ends the connection for the missing bytes and the client surely gets the others.
    /// A chunked body would end well that way, so it is reset, and the reset may overtake its last bytes.</summary>
    static void Cut(HttpContext http)
    {
        if (http.Response.ContentLength is null)
        {
            http.Abort();
        }
    }
}
