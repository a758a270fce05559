using System.Buffers;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace GeoDR.Lab;

/// <summary>
/// One open page of a dashboard without a browser: the WebSocket that blazor.web.js would open, which takes each render batch and says
/// so, as a browser that draws at once would.
/// </summary>
public sealed partial class DashboardCircuit : IAsyncDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly CancellationTokenSource _closed = new();
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly TaskCompletionSource _drawn = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<byte[]> _batches = [];
    private Task _receiving = Task.CompletedTask;

    private DashboardCircuit()
    {
    }

    /// <summary>Render batches taken so far.</summary>
    public int Batches
    {
        get
        {
            lock (_batches)
            {
                return _batches.Count;
            }
        }
    }

    /// <summary>Why it takes nothing any more; null while it lives.</summary>
    public string? Failure => _receiving is { IsCompleted: true } ended ? ended.Exception?.InnerException?.Message ?? "closed" : null;

    /// <summary>Returns once the page is live.</summary>
    public static async Task<DashboardCircuit> OpenAsync(DashboardSession session, string path, CancellationToken cancellationToken = default)
    {
        var address = new Uri(session.Http.BaseAddress!, path);
        var html = await session.Http.GetStringAsync(address, cancellationToken);
        var components = new JsonArray();
        foreach (Match comment in Component().Matches(html))
        {
            var marker = JsonNode.Parse(comment.Groups[1].Value)!;
            // The end of a component is a comment too, without a descriptor.
            if (marker["descriptor"] is not null)
            {
                components.Add(new JsonObject { ["type"] = "add", ["ssrComponentId"] = components.Count + 1, ["marker"] = marker });
            }
        }

        var circuit = new DashboardCircuit();
        try
        {
            await circuit.StartAsync(session, address, components, State().Match(html).Groups[1].Value, cancellationToken);
            return circuit;
        }
        catch
        {
            await circuit.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whether a batch from the one of this number on has this text in it.</summary>
    public bool HasShown(string text, int from)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        lock (_batches)
        {
            return _batches.Skip(from).Any(b => b.AsSpan().IndexOf(bytes) >= 0);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync();
        await _receiving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _socket.Dispose();
        _sending.Dispose();
        _closed.Dispose();
    }

    private async Task StartAsync(DashboardSession session, Uri address, JsonArray components, string state, CancellationToken cancellationToken)
    {
        var site = session.Http.BaseAddress!;
        _socket.Options.Cookies = session.Cookies;
        await _socket.ConnectAsync(new UriBuilder(site) { Scheme = site.Scheme == "https" ? "wss" : "ws", Path = "/_blazor" }.Uri, cancellationToken);
        await SendAsync(Encoding.UTF8.GetBytes("{\"protocol\":\"blazorpack\",\"version\":1}\u001e"));
        var answer = Encoding.UTF8.GetString(await ReceiveAsync() ?? []);
        if (answer != "{}\u001e")
        {
            throw new LabException($"{site} refused a circuit: {answer}");
        }

        _receiving = TakeAsync();
        await SendAsync(BlazorPack.Invocation("0", "StartCircuit", site.AbsoluteUri, address.AbsoluteUri, "[]", ""));
        var operations = new JsonObject { ["batchId"] = 1, ["operations"] = components };
        await SendAsync(BlazorPack.Invocation(null, "UpdateRootComponents", operations.ToJsonString(), state));
        await _drawn.Task.WaitAsync(TimeSpan.FromSeconds(30), cancellationToken);
    }

    private async Task TakeAsync()
    {
        try
        {
            while (await ReceiveAsync() is { } frame)
            {
                foreach (var message in BlazorPack.Messages(frame))
                {
                    await AnswerAsync(message);
                }
            }

            _drawn.TrySetException(new LabException("the site closed the circuit"));
        }
        catch (Exception e)
        {
            _drawn.TrySetException(e);
            throw;
        }
    }

    private async Task AnswerAsync(object?[] message)
    {
        switch (message)
        {
            case [1L, _, _, "JS.RenderBatch", object?[] arguments, ..]:
                lock (_batches)
                {
                    _batches.Add((byte[])arguments[1]!);
                }

                await SendAsync(BlazorPack.Invocation(null, "OnRenderCompleted", arguments[0], null));
                break;
            case [1L, _, _, "JS.EndUpdateRootComponents", ..]:
                _drawn.TrySetResult();
                break;
            case [1L, _, _, "JS.BeginInvokeJS", object?[] arguments, ..] when arguments[0] is > 0L:
                await SendAsync(BlazorPack.Invocation(null, "EndInvokeJSFromDotNet", arguments[0], true, JsonSerializer.Serialize(new object?[] { arguments[0], true, null })));
                break;
            case [1L, _, _, "JS.Error", object?[] arguments, ..]:
                throw new LabException($"the circuit failed: {arguments[0]}");
            case [3L, _, _, 1L, var error]:
                throw new LabException($"a call of the hub failed: {error}");
            case [6L]:
                await SendAsync(BlazorPack.Ping);
                break;
            case [7L, ..]:
                throw new LabException($"the site closed the circuit: {message.ElementAtOrDefault(1)}");
        }
    }

    private async Task SendAsync(byte[] message)
    {
        await _sending.WaitAsync(_closed.Token);
        try
        {
            await _socket.SendAsync(message, WebSocketMessageType.Binary, true, _closed.Token);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Null when the site closed it.</summary>
    private async Task<byte[]?> ReceiveAsync()
    {
        var whole = new ArrayBufferWriter<byte>();
        while (true)
        {
            var part = await _socket.ReceiveAsync(whole.GetMemory(16 << 10), _closed.Token);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                return null;
            }

            whole.Advance(part.Count);
            if (part.EndOfMessage)
            {
                return whole.WrittenSpan.ToArray();
            }
        }
    }

    [GeneratedRegex("<!--Blazor:(\\{.*?\\})-->")]
    private static partial Regex Component();

    [GeneratedRegex("<!--Blazor-Server-Component-State:(.*?)-->")]
    private static partial Regex State();
}
