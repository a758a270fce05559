using Microsoft.AspNetCore.Http;
using System.Text.Json.Nodes;

namespace GeoDR.Lab.Registries;

/// <summary>One POST that a listener received.</summary>
public sealed record ReceivedNotification(string ContentType, string Authorization, IReadOnlyList<JsonObject> Events, int AnsweredStatus);

/// <summary>The other end of a registry's notifications: keeps what comes and answers as it is told.</summary>
public sealed class NotificationListener : IAsyncDisposable
{
    readonly Lock _gate = new();
    readonly List<ReceivedNotification> _received = [];
    TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    KestrelHost _host = null!;
    int _status = 200;

    public Uri Url => new(_host.Url, "/events");

    /// <summary>Answered to every POST from now on.</summary>
    public int Status { get => Volatile.Read(ref _status); set => Volatile.Write(ref _status, value); }

    public IReadOnlyList<ReceivedNotification> Received
    {
        get
        {
            lock (_gate)
            {
                return [.. _received];
            }
        }
    }

    /// <summary>Events that were answered below 400, in their order.</summary>
    public IReadOnlyList<JsonObject> Accepted => [.. Received.Where(r => r.AnsweredStatus < 400).SelectMany(r => r.Events)];

    public static async Task<NotificationListener> StartAsync(int port = 0)
    {
        var listener = new NotificationListener();
        listener._host = await KestrelHost.StartAsync(port, listener.ReceiveAsync);
        return listener;
    }

    /// <summary>Returns what <paramref name="find"/> finds, as soon as it finds something.</summary>
    /// <exception cref="TimeoutException">Nothing for ten seconds.</exception>
    public async Task<T> WaitForAsync<T>(Func<NotificationListener, T?> find, CancellationToken cancel)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(find);
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                changed = _changed.Task;
            }

            if (find(this) is { } found)
            {
                return found;
            }

            await changed.WaitAsync(TimeSpan.FromSeconds(10), cancel);
        }
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    async Task ReceiveAsync(HttpContext http)
    {
        var body = await JsonNode.ParseAsync(http.Request.Body, cancellationToken: http.RequestAborted);
        var events = body!["events"]!.AsArray().Select(e => e!.AsObject()).ToList();
        var status = Status;
        http.Response.StatusCode = status;
        lock (_gate)
        {
            _received.Add(new(http.Request.ContentType ?? "", http.Request.Headers.Authorization.ToString(), events, status));
            _changed.TrySetResult();
            _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }
}
