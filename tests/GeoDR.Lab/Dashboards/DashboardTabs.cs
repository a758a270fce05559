using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json.Nodes;

namespace GeoDR.Lab;

/// <summary>Pages open in Debian's Chromium, driven by its DevTools protocol: for what needs no more than an address and a look.</summary>
public sealed class DashboardTabs : IAsyncDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly ManagedProcess _chromium;
    private readonly HttpClient _http;
    private readonly List<ClientWebSocket> _tabs = [];
    private int _calls;

    private DashboardTabs(ManagedProcess chromium, HttpClient http) => (_chromium, _http) = (chromium, http);

    /// <param name="directory">For the browser's profile and log.</param>
    public static async Task<DashboardTabs> StartAsync(string directory, CancellationToken cancellationToken = default)
    {
        var profile = Path.Combine(directory, "profile");
        var chromium = ManagedProcess.Start(new ProcessSpec(
            "/usr/bin/chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--remote-debugging-port=0", $"--user-data-dir={profile}")
        { LogFile = Path.Combine(directory, "chromium.log") });
        var file = Path.Combine(profile, "DevToolsActivePort");
        await chromium.WaitUntilAsync(_ => Task.FromResult(File.Exists(file)), s_patience, "an address to drive it by", cancellationToken);
        var port = (await File.ReadAllLinesAsync(file, cancellationToken))[0];
        return new(chromium, new() { BaseAddress = new($"http://127.0.0.1:{port}") });
    }

    /// <summary>Opens one more page with this session's cookies.</summary>
    public async Task OpenAsync(DashboardSession session, string path, CancellationToken cancellationToken = default)
    {
        using var answer = await _http.PutAsync("/json/new?about:blank", null, cancellationToken);
        var target = await answer.Content.ReadFromJsonAsync<JsonObject>(cancellationToken);
        var tab = new ClientWebSocket();
        _tabs.Add(tab);
        await tab.ConnectAsync(new((string)target!["webSocketDebuggerUrl"]!), cancellationToken);
        var site = session.Http.BaseAddress!;
        foreach (Cookie cookie in session.Cookies.GetCookies(site))
        {
            await CallAsync(tab, "Network.setCookie", new() { ["url"] = site.AbsoluteUri, ["name"] = cookie.Name, ["value"] = cookie.Value, ["httpOnly"] = cookie.HttpOnly }, cancellationToken);
        }

        await CallAsync(tab, "Page.navigate", new() { ["url"] = new Uri(site, path).AbsoluteUri }, cancellationToken);
    }

    /// <summary>What an expression comes to in each page.</summary>
    public async Task<IReadOnlyList<string?>> EvaluateAsync(string expression, CancellationToken cancellationToken = default)
    {
        var values = new List<string?>();
        foreach (var tab in _tabs)
        {
            var answer = await CallAsync(tab, "Runtime.evaluate", new() { ["expression"] = expression, ["returnByValue"] = true }, cancellationToken);
            values.Add(answer["result"]?["value"]?.ToString());
        }

        return values;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var tab in _tabs)
        {
            tab.Dispose();
        }

        _http.Dispose();
        await _chromium.DisposeAsync();
    }

    private async Task<JsonNode> CallAsync(ClientWebSocket tab, string method, JsonObject parameters, CancellationToken cancellationToken)
    {
        var id = ++_calls;
        var call = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters };
        await tab.SendAsync(System.Text.Encoding.UTF8.GetBytes(call.ToJsonString()), WebSocketMessageType.Text, true, cancellationToken);
        var buffer = new byte[64 << 10];
        while (true)
        {
            using var whole = new MemoryStream();
            ValueWebSocketReceiveResult part;
            do
            {
                part = await tab.ReceiveAsync(buffer.AsMemory(), cancellationToken);
                whole.Write(buffer, 0, part.Count);
            }
            while (!part.EndOfMessage);

            // What the browser tells of its own accord is none of ours.
            if (JsonNode.Parse(whole.ToArray()) is { } answer && (int?)answer["id"] == id)
            {
                return answer["result"] ?? throw new LabException($"{method}: {answer["error"]}");
            }
        }
    }
}
