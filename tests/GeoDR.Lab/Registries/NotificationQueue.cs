using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace GeoDR.Lab.Registries;

/// <summary>Where notifications go.</summary>
public sealed record LabNotificationEndpoint(Uri Url)
{
    /// <summary>The whole value of the Authorization header.</summary>
    public string? Authorization { get; init; }
    /// <summary>An answer that is later counts as a failure and the event is sent again (Distribution: 1 s).</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(1);
    public TimeSpan Backoff { get; init; } = TimeSpan.FromMilliseconds(200);
    public bool IncludePulls { get; init; } = true;
    /// <summary>target.references, Distribution's <c>includereferences</c>.</summary>
    public bool IncludeReferences { get; init; }
}

/// <summary>Distribution's notification sender: an in-memory queue in order, one event in each POST, a new connection for each,
/// a failed one retried with the same id for ever. What waits is lost when the registry stops.</summary>
sealed class NotificationQueue : IAsyncDisposable
{
    const string MediaType = "application/vnd.docker.distribution.events.v1+json";
    static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, IndentSize = 3 };

    readonly LabNotificationEndpoint _endpoint;
    readonly TimeProvider _time;
    readonly Channel<JsonObject> _events = Channel.CreateUnbounded<JsonObject>();
    readonly CancellationTokenSource _stop = new();
    readonly HttpClient _client;
    readonly Task _loop;
    int _pending;

    public NotificationQueue(LabNotificationEndpoint endpoint, TimeProvider time)
    {
        (_endpoint, _time) = (endpoint, time);
        _client = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = endpoint.Timeout };
        _loop = Task.Run(SendAsync);
    }

    /// <summary>Events not yet accepted by the endpoint.</summary>
    public int Pending => Volatile.Read(ref _pending);

    public void Add(JsonObject @event, IEnumerable<LabDescriptor> references)
    {
        if (!_endpoint.IncludePulls && (string?)@event["action"] == "pull")
        {
            return;
        }

        var copy = @event.DeepClone().AsObject();
        var list = references.Select(r => (JsonNode)new JsonObject { ["mediaType"] = r.MediaType, ["size"] = r.Size, ["digest"] = r.Digest }).ToArray();
        if (_endpoint.IncludeReferences && list.Length > 0)
        {
            copy["target"]!["references"] = new JsonArray(list);
        }

        Interlocked.Increment(ref _pending);
        _events.Writer.TryWrite(copy);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        _client.Dispose();
        _stop.Dispose();
    }

    async Task SendAsync()
    {
        try
        {
            await foreach (var @event in _events.Reader.ReadAllAsync(_stop.Token))
            {
                var body = new JsonObject { ["events"] = new JsonArray(@event) }.ToJsonString(Indented);
                while (!await TryPostAsync(body))
                {
                    await Task.Delay(_endpoint.Backoff, _time, _stop.Token);
                }

                Interlocked.Decrement(ref _pending);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The registry stops; what was left is lost, as it is with Distribution.
        }
    }

    async Task<bool> TryPostAsync(string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, _endpoint.Url) { Content = new StringContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(MediaType);
        request.Headers.ConnectionClose = true;
        request.Headers.TryAddWithoutValidation("User-Agent", "Go-http-client/1.1");
        if (_endpoint.Authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", _endpoint.Authorization);
        }

        try
        {
            using var response = await _client.SendAsync(request, _stop.Token);
            return (int)response.StatusCode < 400;
        }
        catch (Exception e) when (e is HttpRequestException || (e is OperationCanceledException && !_stop.IsCancellationRequested))
        {
            return false;
        }
    }
}
