using System.Globalization;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>What <c>bench lag</c> found.</summary>
/// <param name="Cpu">Of the secondary's processes meanwhile.</param>
/// <param name="ToGoAtStart">Filled repositories without their full sync when the first push began, and when the last had arrived.</param>
internal sealed record LagReport(LagOptions Options, IReadOnlyList<MeasuredPush> Pushes, TimeSpan Took, TimeSpan Cpu, int ToGoAtStart, int ToGoAtEnd, int Failed)
{
    public void Print()
    {
        var table = new Table().Title("Push to secondary, ms").AddColumns("", "pushes", "median", "p90", "p99", "worst");
        foreach (var (name, times) in Rows())
        {
            table.AddRow(name, $"{times.Count}", Text(times.Median), Text(times.P90), Text(times.P99), Text(times.Worst));
        }

        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 110);
        AnsiConsole.Write(table);
        Console.WriteLine($"backfill to go: {ToGoAtStart} of {Options.Repositories} at the first push, {ToGoAtEnd} when the last had arrived; failed rows: {Failed}");
        Console.WriteLine($"the secondary's processor time: {Text(MillisecondsOfCpu)} ms an image");
        foreach (var slow in Pushes.OrderByDescending(p => p.Lag).Take(3))
        {
            Console.WriteLine($"slow: {slow.Push.Repository}:{slow.Push.Tag} {Text(slow.Lag)} ms (logged {Text(slow.Logged)}, marked +{Text(slow.Marked)}, claimed +{Text(slow.Claimed)}, done +{Text(slow.Done)})");
        }
    }

    /// <summary>Of the secondary's processes, for each image copied, pushed or backfilled; what runs besides is in it.</summary>
    private double MillisecondsOfCpu => Cpu.TotalMilliseconds / (Pushes.Count + ToGoAtStart - ToGoAtEnd);

    public JsonObject ToJson()
    {
        var json = new JsonObject
        {
            ["pushes"] = Pushes.Count,
            ["seed"] = Options.Seed,
            ["took_seconds"] = Math.Round(Took.TotalSeconds, 1),
            ["repositories"] = Options.Repositories,
            ["to_go_at_start"] = ToGoAtStart,
            ["to_go_at_end"] = ToGoAtEnd,
            ["workers_per_process"] = Options.Workers,
            ["processor_ms_per_image"] = Times.Rounded(MillisecondsOfCpu),
            ["bytes_per_second"] = Options.BytesPerSecond,
        };
        foreach (var (name, times) in Rows())
        {
            json[name] = times.ToJson();
        }

        return json;
    }

    private IEnumerable<(string Name, Times Times)> Rows()
    {
        yield return ("all", new Times(Pushes.Select(p => p.Lag)));
        yield return ("over an existing tag", new Times(Pushes.Where(p => p.Push.Overwrites).Select(p => p.Lag)));
        yield return ("new tag", new Times(Pushes.Where(p => !p.Push.Overwrites).Select(p => p.Lag)));
        yield return ("exit to event in the log", new Times(Pushes.Select(p => p.Logged)));
        yield return ("event to mark", new Times(Pushes.Select(p => p.Marked)));
        yield return ("mark to claim", new Times(Pushes.Select(p => p.Claimed)));
        yield return ("claim to outcome", new Times(Pushes.Select(p => p.Done)));
        yield return ("skopeo itself, before", new Times(Pushes.Select(p => p.Pushing)));
    }

    private static string Text(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);
}
