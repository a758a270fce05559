using System.Text.Json;
using GeoDR.Notifications;
using Spectre.Console;

namespace GeoDR.Cli;

/// <summary>A list on stdout: a table for people, or JSON and nothing else.</summary>
internal static class Listing
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static void WriteJson<T>(T item) => Console.WriteLine(JsonSerializer.Serialize(item, s_json));

    public static void Write<T>(bool json, IReadOnlyList<T> items, IReadOnlyList<string> columns, Func<T, IReadOnlyList<string>> row)
    {
        if (json)
        {
            WriteJson(items);
            return;
        }
        var table = new Table().Border(TableBorder.None);
        table.AddColumns([.. columns.Select(c => new TableColumn(Markup.Escape(c)).NoWrap())]);
        // Registries and senders chose some of these words: they must not steer the terminal.
        foreach (var item in items)
            table.AddRow([.. row(item).Select(cell => Markup.Escape(BodyText.ForTerminal(cell)))]);
        // In a pipe the width is nobody's: whole lines rather than wrapped ones.
        if (Console.IsOutputRedirected)
            AnsiConsole.Profile.Width = 500;
        AnsiConsole.Write(table);
    }
}
