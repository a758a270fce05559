using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using GeoDR.Lab.Registries;
using Microsoft.AspNetCore.Http;

namespace GeoDR.Lab;

/// <summary>What one notification said of a tag or a manifest.</summary>
/// <param name="Tag">Null for a manifest by its digest alone.</param>
/// <param name="Digest">Null for the deletion of a tag.</param>
public sealed record ToldEvent(string Action, string Repository, string? Tag, string? Digest);

/// <summary>
/// Stands between a registry and its GeoDR and loses notifications: the registry hears 200, GeoDR hears nothing. It keeps, in their order,
/// those that GeoDR took, and those it lost.
/// </summary>
public sealed class LossyRelay : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { Timeout = TimeSpan.FromSeconds(10) };
    private readonly Lock _gate = new();
    private readonly HashSet<string> _taken = [];
    private readonly HashSet<string> _dropped = [];
    private readonly List<ToldEvent> _told = [];
    private readonly List<ToldEvent> _lost = [];
    private readonly Uri _target;
    private readonly Random _random;
    private KestrelHost _host = null!;

    private LossyRelay(Uri target, int seed) => (_target, _random) = (target, new Random(seed));

    public Uri Url => new(_host.Url, _target.AbsolutePath);

    /// <summary>Share of the notifications that are lost, from 0 to 1.</summary>
    public double Loss { get; set; }

    /// <summary>Every notification is answered 503, so that the registry keeps it and all behind it in its queue.</summary>
    public bool Refuses { get; set; }

    /// <summary>What GeoDR answered 200, in that order.</summary>
    public IReadOnlyList<ToldEvent> Told
    {
        get
        {
            lock (_gate)
            {
                return [.. _told];
            }
        }
    }

    /// <summary>What was lost of pushes and deletions.</summary>
    public IReadOnlyList<ToldEvent> Dropped
    {
        get
        {
            lock (_gate)
            {
                return [.. _lost];
            }
        }
    }

    public static async Task<LossyRelay> StartAsync(Uri target, int seed)
    {
        var relay = new LossyRelay(target, seed);
        relay._host = await KestrelHost.StartAsync(0, relay.HandleAsync);
        return relay;
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        _http.Dispose();
    }

    private async Task HandleAsync(HttpContext http)
    {
        using var buffer = new MemoryStream();
        await http.Request.Body.CopyToAsync(buffer, http.RequestAborted);
        if (Refuses)
        {
            http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }

        var envelope = JsonNode.Parse(buffer.ToArray())!.AsObject();
        var kept = Keep(envelope["events"]!.AsArray());
        if (kept.Count == 0)
        {
            return;
        }

        var body = JsonSerializer.SerializeToUtf8Bytes(new JsonObject { ["events"] = new JsonArray([.. kept.Select(e => e.DeepClone())]) });
        var (type, secret, begun) = (http.Request.ContentType!, http.Request.Headers.Authorization.ToString(), Stopwatch.GetTimestamp());
        // Not ended with the caller, and not with a refusal, after which GeoDR may have written it or not: nothing stays in doubt.
        while (!await SendAsync(type, secret, body))
        {
            if (Stopwatch.GetElapsedTime(begun) > s_patience)
            {
                http.Response.StatusCode = StatusCodes.Status502BadGateway;
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, CancellationToken.None);
        }

        Take(kept);
    }

    private async Task<bool> SendAsync(string type, string secret, byte[] body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, _target) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        request.Headers.TryAddWithoutValidation("Authorization", secret);
        try
        {
            using var answer = await _http.SendAsync(request, CancellationToken.None);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>Those that are sent on. A registry that repeats an event that was lost is told again that all is well.</summary>
    private List<JsonNode> Keep(JsonArray events)
    {
        var kept = new List<JsonNode>();
        lock (_gate)
        {
            foreach (var e in events.Select(e => e!))
            {
                var id = (string)e["id"]!;
                if (_dropped.Contains(id))
                {
                    continue;
                }

                if (_taken.Contains(id) || _random.NextDouble() >= Loss)
                {
                    kept.Add(e);
                }
                else
                {
                    _dropped.Add(id);
                    _lost.AddRange(Said(e));
                }
            }
        }

        return kept;
    }

    private void Take(List<JsonNode> events)
    {
        lock (_gate)
        {
            foreach (var e in events.Where(e => _taken.Add((string)e["id"]!)))
            {
                _told.AddRange(Said(e));
            }
        }
    }

    /// <summary>Nothing for pulls, and for blobs.</summary>
    private static IEnumerable<ToldEvent> Said(JsonNode e)
    {
        var (action, target) = ((string)e["action"]!, e["target"]!);
        if (action is "push" or "delete" && (string?)target["mediaType"] != "application/octet-stream")
        {
            yield return new(action, (string)target["repository"]!, Text(target["tag"]), Text(target["digest"]));
        }
    }

    private static string? Text(JsonNode? node) => (string?)node is { Length: > 0 } text ? text : null;
}
