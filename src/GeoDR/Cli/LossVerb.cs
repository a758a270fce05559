using System.CommandLine;
using System.Text.Json;
using GeoDR.Dashboard;
using GeoDR.Status;

namespace GeoDR.Cli;

/// <summary>What would be lost, were the primary lost now.</summary>
internal static class LossVerb
{
    private const int PageSize = 1000;
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static Command Command()
    {
        var json = new Option<bool>("--json") { Description = "nothing but JSON on stdout" };
        var command = new Command("loss", "(secondary) the pushes that are known and not here, and how far that list can be trusted") { json };
        command.SetAction((p, cancel) => RunAsync(p.GetValue(json), cancel));
        return command;
    }

    private static Task<int> RunAsync(bool json, CancellationToken cancel) => VerbSettings.WithDatabaseAsync(async source =>
    {
        var reader = new LossReader(source);
        var summary = await reader.SummaryAsync(cancel);
        var items = new List<LostPush>();
        string? after = null;
        do
        {
            var page = (await reader.PageAsync(after, PageSize, cancel))!;
            items.AddRange(page.Items);
            after = page.Next;
        }
        while (after is not null);
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { summary, items }, s_json));
            return ExitCodes.Success;
        }
        await Console.Error.WriteLineAsync(LossInWords.Sentence(summary));
        if (items.Count > 0)
            Listing.Write(false, [.. items.OrderByDescending(i => i.AgeSeconds)], ["repository", "reference", "digest", "size", "age", ""], i =>
                [i.Repository, i.Reference, i.Digest ?? "", i.Bytes is { } bytes ? Display.Bytes(bytes) : "unknown", Display.Age(i.AgeSeconds), i.Failed ? "failed" : ""]);
        return ExitCodes.Success;
    });
}
