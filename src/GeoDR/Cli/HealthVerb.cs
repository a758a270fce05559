using System.CommandLine;
using System.Net.Security;

namespace GeoDR.Cli;

/// <summary>Asks the site that runs on this machine for its own health: what a container without curl checks itself with.</summary>
internal static class HealthVerb
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    public static Command Command()
    {
        var probe = new Argument<string>("probe") { Description = "live, ready or primary", DefaultValueFactory = _ => "live" };
        probe.AcceptOnlyFromAmong("live", "ready", "primary");
        var command = new Command("health", "ask the `geodr serve` of this machine for /healthz/live, ready or primary") { probe };
        command.SetAction((p, cancel) => RunAsync(p.GetValue(probe)!, cancel));
        return command;
    }

    /// <summary>An address of this machine that the program listens at, by <c>ASPNETCORE_URLS</c>.</summary>
    internal static Uri? Address(string? urls)
    {
        var first = urls?.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).FirstOrDefault() ?? "http://localhost:5000";
        foreach (var everywhere in new[] { "//*", "//+", "//0.0.0.0", "//[::]" })
            first = first.Replace(everywhere, "//127.0.0.1", StringComparison.Ordinal);
        return Uri.TryCreate(first, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" ? url : null;
    }

    private static async Task<int> RunAsync(string probe, CancellationToken cancel)
    {
        var urls = VerbSettings.Configuration()["ASPNETCORE_URLS"];
        if (Address(urls) is not { } address)
        {
            await Console.Error.WriteLineAsync($"ASPNETCORE_URLS: is '{urls}'; write addresses such as http://0.0.0.0:8080");
            return ExitCodes.Settings;
        }
        // Whoever answers at this machine's own address is who is asked; the certificate names the site, not that address.
        using var handler = new SocketsHttpHandler { UseProxy = false, SslOptions = { RemoteCertificateValidationCallback = (_, _, _, faults) => address.IsLoopback || faults == SslPolicyErrors.None } };
        using var http = new HttpClient(handler) { Timeout = s_patience };
        try
        {
            using var answer = await http.GetAsync(new Uri(address, $"/healthz/{probe}"), cancel);
            Console.WriteLine(await answer.Content.ReadAsStringAsync(cancel));
            return answer.IsSuccessStatusCode ? ExitCodes.Success : ExitCodes.Failed;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException && !cancel.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync($"{address} does not answer: {e.Message}");
            return ExitCodes.Failed;
        }
    }
}
