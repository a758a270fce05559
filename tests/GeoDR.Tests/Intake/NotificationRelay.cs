using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using GeoDR.Lab;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace GeoDR.Tests.Intake;

/// <summary>
/// Stands between a real registry and its GeoDR and swaps the bodies of notifications. What is swapped in thereby sits in the
/// registry's own queue: while it gets no answer below 400, the registry sends it again and nothing behind it moves.
/// </summary>
internal sealed class NotificationRelay : IAsyncDisposable
{
    private static readonly HttpClient s_http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(10) };

    private static readonly Regex s_push = new("\"action\":\\s*\"push\"", RegexOptions.CultureInvariant);

    private readonly WebApplication _app;
    private readonly Uri _target;
    private readonly ConcurrentDictionary<string, Func<byte[], byte[]>> _swaps = new();

    private NotificationRelay(WebApplication app, Uri url, Uri target) => (_app, Url, _target) = (app, url, target);

    public Uri Url { get; }

    /// <summary>Answers to swapped bodies, by repository, in their order.</summary>
    public ConcurrentDictionary<string, ConcurrentQueue<(int Status, string Body)>> Answers { get; } = new();

    public static async Task<NotificationRelay> StartAsync(Uri target)
    {
        var url = new Uri($"http://127.0.0.1:{Ports.Free()}{target.AbsolutePath}");
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(url.GetLeftPart(UriPartial.Authority)).ConfigureKestrel(k => k.Limits.MaxRequestBodySize = null);
        var relay = new NotificationRelay(builder.Build(), url, target);
        relay._app.Run(relay.ForwardAsync);
        await relay._app.StartAsync();
        return relay;
    }

    /// <summary>
    /// Every notification of a push that names the repository is sent on with another body, each time it is tried. One of a pull is
    /// sent on as it is: the other site's own reading makes those, at any moment.
    /// </summary>
    public void Swap(string repository, Func<byte[], byte[]> swap) => _swaps[repository] = swap;

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task ForwardAsync(HttpContext http)
    {
        using var buffer = new MemoryStream();
        await http.Request.Body.CopyToAsync(buffer, http.RequestAborted);
        var body = buffer.ToArray();
        var text = System.Text.Encoding.UTF8.GetString(body);
        var repository = !s_push.IsMatch(text) ? null : _swaps.Keys.FirstOrDefault(r => text.Contains($"\"{r}\"", StringComparison.Ordinal));
        using var request = new HttpRequestMessage(HttpMethod.Post, _target)
        {
            Content = new ByteArrayContent(repository is null ? body : _swaps[repository](body)),
        };
        if (http.Request.ContentType is { } type)
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        request.Headers.TryAddWithoutValidation("Authorization", http.Request.Headers.Authorization.ToString());
        using var answer = await s_http.SendAsync(request, http.RequestAborted);
        var said = await answer.Content.ReadAsStringAsync(http.RequestAborted);
        if (repository is not null)
            Answers.GetOrAdd(repository, _ => []).Enqueue(((int)answer.StatusCode, said));
        http.Response.StatusCode = (int)answer.StatusCode;
        await http.Response.WriteAsync(said, http.RequestAborted);
    }
}
