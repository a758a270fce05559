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

        using var request = new HttpRequestMessage(HttpMethod.Post, _target)
        {
            Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(new JsonObject { ["events"] = new JsonArray([.. kept.Select(e => e.DeepClone())]) })),
        };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(http.Request.ContentType!);
        request.Headers.TryAddWithoutValidation("Authorization", http.Request.Headers.Authorization.ToString());
        try
        {
            // Not ended with the caller: what a registry sent just before its death is written or not, but never in doubt.
            using var answer = await _http.SendAsync(request, CancellationToken.None);
            if (answer.IsSuccessStatusCode)
            {
                Take(kept);
            }

            http.Response.StatusCode = (int)answer.StatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            http.Response.StatusCode = StatusCodes.Status502BadGateway;
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
