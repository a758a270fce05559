using GeoDR.Lab.Registries;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

// Not GeoDR.Core.Tests.Lab: that has a helper named LabRegistry too, which would hide the registry itself.
namespace GeoDR.Core.Tests.LabRegistries;

/// <summary>Plain HTTP calls of the distribution API, as short as tests want them.</summary>
sealed class RegistryCalls(Uri registry) : IDisposable
{
    public HttpClient Http { get; } = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false }) { Timeout = TimeSpan.FromSeconds(10) };

    public static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public Task PushAsync(string repository, string? tag, LabImage image) => image.PushAsync(Http, registry, repository, tag, Cancel);

    public Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, Action<HttpRequestMessage>? change = null,
        byte[]? body = null, string contentType = "application/octet-stream")
    {
        var request = new HttpRequestMessage(method, new Uri(registry, path));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        }

        change?.Invoke(request);
        // Only the headers are waited for: 2.8.2 announces a body with its 416 and never sends it.
        return Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancel);
    }

    public Task<HttpResponseMessage> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    public Task<HttpResponseMessage> ManifestAsync(HttpMethod method, string repository, string reference, params string[] accept) =>
        SendAsync(method, $"v2/{repository}/manifests/{reference}",
            r => r.Headers.Accept.ParseAdd(string.Join(',', accept.Length > 0 ? accept : [.. LabMediaTypes.Manifests])));

    public Task<HttpResponseMessage> PutManifestAsync(string repository, string reference, LabImage image) =>
        SendAsync(HttpMethod.Put, $"v2/{repository}/manifests/{reference}", null, image.ManifestBytes, image.MediaType);

    public async Task<string> BeginUploadAsync(string repository)
    {
        using var answer = await SendAsync(HttpMethod.Post, $"v2/{repository}/blobs/uploads/");
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        return answer.Headers.Location!.ToString();
    }

    public Task<HttpResponseMessage> PatchAsync(string location, byte[] chunk, long first) =>
        SendAsync(HttpMethod.Patch, location, r => r.Content!.Headers.TryAddWithoutValidation("Content-Range", $"{first}-{first + chunk.Length - 1}"), chunk);

    public Task<HttpResponseMessage> FinishAsync(string location, string digest, byte[]? rest = null) =>
        SendAsync(HttpMethod.Put, $"{location}{(location.Contains('?') ? '&' : '?')}digest={digest}", null, rest ?? []);

    public static async Task<string?> ErrorCodeAsync(HttpResponseMessage answer) =>
        (string?)JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancel))!["errors"]![0]!["code"];

    public async Task<JsonNode> JsonAsync(string path)
    {
        using var answer = await GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancel))!;
    }

    /// <summary>Every page of a list, by following Link.</summary>
    public async Task<List<string>> WalkAsync(string path, string field)
    {
        var all = new List<string>();
        for (string? next = path; next is not null;)
        {
            using var answer = await GetAsync(next);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            var json = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancel))!;
            all.AddRange(json[field]!.AsArray().Select(v => (string)v!));
            next = answer.Headers.TryGetValues("Link", out var link) ? link.Single().Split('<', '>')[1] : null;
        }

        return all;
    }

    public static AuthenticationHeaderValue Basic(string user, string password) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}")));

    public void Dispose() => Http.Dispose();
}
