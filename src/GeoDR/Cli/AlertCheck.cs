using System.Net.Http;
using System.Net.Sockets;
using GeoDR.Configuration;

namespace GeoDR.Cli;

/// <summary>Whether those who are to be told of alerts can be reached; nothing is sent to them.</summary>
internal static class AlertCheck
{
    private const string Name = "alert targets";
    private const string Mend = "`geodr alerts test` sends a message and says what happens to it";

    public static async IAsyncEnumerable<CheckLine> LinesAsync(AlertSettings alerts)
    {
        if (alerts is { Webhook: null, Mail: null })
            yield return new(Name, "pass", "none set; alerts are only shown", null);
        if (alerts.Webhook is { } webhook && new Uri(webhook.Url.Value) is var url)
            yield return HttpClient.DefaultProxy.IsBypassed(url) || HttpClient.DefaultProxy.GetProxy(url) is null
                ? await ReachAsync("webhook", url.IdnHost, url.Port, "Geo:Alerts:Webhook:Url")
                : new(Name, "warn", "the webhook is called through the environment's proxy, which was not tried", Mend);
        if (alerts.Mail is { } mail)
            yield return await ReachAsync("mail server", mail.Host, mail.Port, "Geo:Alerts:Mail:Host and Port");
    }

    private static async Task<CheckLine> ReachAsync(string what, string host, int port, string key)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5), TimeProvider.System);
        using var socket = new TcpClient();
        try
        {
            await socket.ConnectAsync(host, port, limit.Token);
            return new(Name, "pass", $"the {what} at {host}:{port} can be reached", null);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return new(Name, "fail", $"the {what} at {host}:{port} cannot be reached: {(e is SocketException s ? s.Message : "no answer within 5 s")}", $"correct {key}, or let this machine through to it; {Mend}");
        }
    }
}
