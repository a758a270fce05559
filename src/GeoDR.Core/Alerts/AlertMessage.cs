using System.Globalization;
using System.Text;
using System.Text.Json;

namespace GeoDR.Alerts;

/// <summary>What happened to an alert.</summary>
public static class AlertEvents
{
    public const string Raised = "raised";
    public const string Reminded = "reminded";
    public const string Ended = "ended";
    /// <summary>Nothing did: somebody tries whether messages arrive.</summary>
    public const string Test = "test";
}

/// <summary>One alert in a message.</summary>
/// <param name="State">"open" or "ended".</param>
public sealed record MessageAlert(
    string Kind, string Subject, string Severity, string State, string Text, string NextStep, IReadOnlyDictionary<string, double> Figures,
    DateTimeOffset Since, DateTimeOffset? EndedAt);

/// <summary>What is said to a target: the webhook's body, and what a mail is made from.</summary>
/// <param name="Version">Of this shape; 1.</param>
/// <param name="Event">raised, reminded, ended or test.</param>
/// <param name="Text">All of it in words.</param>
/// <param name="Alerts">One, or many that came at once.</param>
/// <param name="More">How many more there are that are not listed.</param>
public sealed record AlertMessage(int Version, string Site, string Event, DateTimeOffset At, string Severity, string Text, IReadOnlyList<MessageAlert> Alerts, int More)
{
    private const int MostListed = 50;

    /// <summary>As the webhook gets it.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web);

    public static AlertMessage Of(string site, string happened, DateTimeOffset at, IReadOnlyList<Alert> alerts)
    {
        var listed = alerts.Take(MostListed).ToList();
        var severity = alerts.Any(a => a.Severity == Severities.Critical) ? Severities.Critical : Severities.Warning;
        var text = alerts is [var only] ? InWords(site, happened, only)
            : $"{site}: {alerts.Count.ToString(CultureInfo.InvariantCulture)} alerts {Verb(happened)}: {string.Join("; ", listed.Take(5).Select(a => a.Text))}{(alerts.Count > 5 ? "; …" : ".")}";
        return new(1, site, happened, at, severity, text,
            [.. listed.Select(a => new MessageAlert(a.Kind, a.Subject, a.Severity, a.State, a.Text, a.NextStep, a.Figures, a.Since, a.EndedAt))], alerts.Count - listed.Count);
    }

    /// <summary>A message that says that it is a test.</summary>
    public static AlertMessage Test(string site, DateTimeOffset at) => new(
        1, site, AlertEvents.Test, at, Severities.Warning, $"{site}: this is a test of GeoDR's alerts; nothing is wrong.", [], 0);

    /// <summary>A mail's subject: one line of a bearable length, whatever a name or an error brought in.</summary>
    public string SubjectLine() => OneLine($"[GeoDR {Site}] {Event}: {(Alerts is [var only] ? only.Text : Text)}", 160);

    /// <summary>A mail's text.</summary>
    public string Body()
    {
        var text = new StringBuilder(Text).Append("\n\n");
        foreach (var a in Alerts)
        {
            text.Append(CultureInfo.InvariantCulture, $"{a.Severity}, {a.Kind} ({OneLine(a.Subject, 300)}), {a.State}: {OneLine(a.Text, 2000)}\n");
            text.Append(CultureInfo.InvariantCulture, $"  since {a.Since.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC{(a.EndedAt is { } end ? $", until {end.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC" : "")}\n");
            if (a.State == "open")
                text.Append(CultureInfo.InvariantCulture, $"  next: {OneLine(a.NextStep, 2000)}\n");
        }
        if (More > 0)
            text.Append(CultureInfo.InvariantCulture, $"and {More} more: `geodr alerts list`\n");
        return text.ToString();
    }

    internal static string OneLine(string text, int most)
    {
        var line = new string([.. text.Select(c => char.IsControl(c) || c is '\u2028' or '\u2029' ? ' ' : c)]);
        if (line.Length <= most)
            return line;
        // Never half a surrogate pair.
        return line[..(char.IsHighSurrogate(line[most - 2]) ? most - 2 : most - 1)] + "…";
    }

    private static string InWords(string site, string happened, Alert alert) => happened switch
    {
        AlertEvents.Ended => $"{site}: over: {alert.Text}.",
        AlertEvents.Reminded => $"{site}: still: {alert.Text}. {Capital(alert.NextStep)}.",
        _ => $"{site}: {alert.Text}. {Capital(alert.NextStep)}.",
    };

    private static string Verb(string happened) => happened switch { AlertEvents.Ended => "are over", AlertEvents.Reminded => "still stand", _ => "were raised at once" };

    private static string Capital(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..];
}
