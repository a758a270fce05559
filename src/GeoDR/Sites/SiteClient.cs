using System.Net.Http.Headers;
using System.Text.Json;
using GeoDR.Tokens;

namespace GeoDR.Sites;

/// <summary>Calls other sites, each call signed with this site's key.</summary>
internal sealed class SiteClient(SiteKey key, string siteName, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(3) })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    /// <exception cref="HttpRequestException">The site does not answer, or refuses; the message says what it said.</exception>
    public async Task<T> CallAsync<T>(Uri site, string name, HttpMethod method, string path, string query, object? content, CancellationToken cancel,
        TimeSpan? within = null)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(within ?? s_patience);
        var body = content is null ? [] : JsonSerializer.SerializeToUtf8Bytes(content, s_json);
        using var request = new HttpRequestMessage(method, new Uri(site, path + query));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", SiteToken.Create(key, siteName, name, method.Method, path, body, time.GetUtcNow()));
        if (body.Length > 0)
            request.Content = new ByteArrayContent(body) { Headers = { ContentType = new("application/json") } };
        try
        {
            using var response = await _http.SendAsync(request, limit.Token);
            if (!response.IsSuccessStatusCode)
                throw new HttpRequestException($"{path} at the site {name} answered {(int)response.StatusCode}{await DetailAsync(response, limit.Token)}", null, response.StatusCode);
            return (await response.Content.ReadFromJsonAsync<T>(s_json, limit.Token))!;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new HttpRequestException($"{path} at the site {name} did not answer in time");
        }
    }

    public void Dispose() => _http.Dispose();

    private static async Task<string> DetailAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        try
        {
            var problem = await response.Content.ReadFromJsonAsync<JsonElement>(s_json, cancel);
            return problem.TryGetProperty("detail", out var detail) ? $": {detail.GetString()}" : "";
        }
        catch (Exception e) when (e is JsonException or HttpRequestException or InvalidOperationException or NotSupportedException)
        {
            return "";
        }
    }
}
