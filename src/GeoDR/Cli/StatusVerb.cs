using System.Globalization;
using System.Text.Json;
using GeoDR.Dashboard;
using GeoDR.Status;
using Spectre.Console;

namespace GeoDR.Cli;

/// <summary>Shows the site's status.</summary>
internal static class StatusVerb
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Task<int> RunAsync(bool json, bool watch, CancellationToken cancel) => VerbSettings.WithDatabaseAsync(async source =>
    {
        var reader = new StatusReader(source, TimeProvider.System);
        while (true)
        {
            var status = await reader.ReadAsync(cancel);
            if (status is null)
            {
                await Console.Error.WriteLineAsync("This site has not been started yet: run `geodr serve`.");
                return ExitCodes.Failed;
            }
            if (json)
                Console.WriteLine(JsonSerializer.Serialize(status, s_json));
            else
            {
                // On a terminal the newest stands where the last one stood.
                if (watch && !Console.IsOutputRedirected)
                    AnsiConsole.Clear();
                Show(status);
            }
            if (!watch)
                return status.Health == "unhealthy" ? ExitCodes.Failed : ExitCodes.Success;
            await Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System, cancel);
        }
    });

    private static void Show(SiteStatus s)
    {
        var table = new Table().Border(TableBorder.None).HideHeaders().AddColumns("", "");
        void Row(string name, string value) => table.AddRow(name, Markup.Escape(value));
        Row("site", $"{s.Name}, {s.Role}, version {s.Version}");
        Row("health", s.Health);
        foreach (var reason in s.Reasons)
            Row("", reason);
        if (s.Loss is { } loss)
            Row("loss", LossInWords.Sentence(loss));
        if (s.OpenAlerts > 0)
            Row("alerts", $"{s.OpenAlerts} open: `geodr alerts list`");
        if (s.Cursor is { } c)
        {
            Row("log", $"event {c.EventId} of {c.Head}, {c.LagEvents} behind, read {c.ReadSecondsAgo:0} s ago");
            Row("repositories", $"{s.Counts.Pending} pending, {s.Counts.Started} started, {s.Counts.Synced} synced, {s.Counts.Failed} failed");
            Row("waiting", $"{s.ReferencesWaiting} references, {s.BytesWaiting} bytes known, {s.DeletionsWaiting} deletions recorded");
            Row("oldest push not here", s.OldestUnsyncedSeconds is { } age ? $"{age.ToString("0", CultureInfo.InvariantCulture)} s old" : "none");
            Row("catch-up", s.CatchUpSeconds is { } left ? $"about {left.ToString("0", CultureInfo.InvariantCulture)} s" : "–");
            if (s.Verification is { } v)
                Row("verified", v.InWords(s.Counts.Total));
            Row("workers", s.Workers.ToString(CultureInfo.InvariantCulture));
        }
        if (s.Log is { } l)
            Row("log", $"event {l.Head}, {(l.LastEventSecondsAgo is { } ago ? $"last {ago:0} s ago" : "empty")}, {l.Quarantined} quarantined");
        if (s.LogKept is { } kept)
            Row("log kept", KeptInWords.Sentence(kept));
        foreach (var words in s.LogKept?.Readers.Where(r => r is { LetGoAt: null, Pruned: false }).Select(r => r.Words).OfType<string>() ?? [])
            Row("", words);
        if (s.Reconcile is { Last: { } last } compared)
            Row("compared", $"{compared.ReadInADay} of {compared.Repositories} repositories in the last 24 h; the last ({last.Reason}) is {last.Status}, {last.Found} found");
        foreach (var peer in s.Peers)
            Row("peer", $"{peer.Name}, {peer.Role}, heard {(s.At - peer.LastHeardAt).TotalSeconds:0} s ago"
                + (peer.EventId is { } id ? $", at event {id}" : "") + (peer.Status is { } p ? $", {p.Health}" : ""));
        foreach (var request in s.Requests)
            Row("request", $"{request.Id}: {request.Kind} ({request.Reason}), {request.Marked} marked{(request.Problem is { } p ? $"; {p}" : "")}");
        AnsiConsole.Write(table);
    }
}
