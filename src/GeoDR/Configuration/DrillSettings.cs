using System.Globalization;

namespace GeoDR.Configuration;

/// <summary>Trying, on a live secondary, what clients would get of it: <c>Geo:Drill</c>.</summary>
public sealed record DrillSettings
{
    internal const string All = "all";
    private const string DefaultRepositories = "20";
    private const string DefaultBytes = "20MB/s";

    /// <summary>How often by itself; default 0, never.</summary>
    public TimeSpan Every { get; init; }

    /// <summary>How many repositories are pulled, drawn by lot; default 20, null for all.</summary>
    public int? Repositories { get; init; } = 20;

    /// <summary>Read from the registry; default 20 MB/s, null unlimited.</summary>
    public double? BytesPerSecond { get; init; } = 20e6;

    internal static DrillSettings Read(SettingText text, Func<string, TimeSpan, TimeSpan, TimeSpan, TimeSpan> time, Action<string, string> wrong)
    {
        var (given, rate) = (text("Geo:Drill:Repositories", DefaultRepositories), text("Geo:Drill:BytesPerSecond", DefaultBytes));
        if (!TryCount(given ?? DefaultRepositories, out var count))
            wrong("Geo:Drill:Repositories", $"is '{given}'; write how many repositories a drill pulls, from 1 to 1000000, or {All}");
        if (!ByteRate.TryParse(rate ?? DefaultBytes, out var bytes))
            wrong("Geo:Drill:BytesPerSecond", $"is '{rate}'; write a rate such as 20MB/s or 200Mbit/s, or unlimited");
        var every = time("Geo:Drill:Every", TimeSpan.Zero, TimeSpan.Zero, TimeSpan.FromDays(365));
        if (every > TimeSpan.Zero && every < TimeSpan.FromMinutes(1))
            wrong("Geo:Drill:Every", "is shorter than a minute; write a time such as 1d or 12h, or 0 for never");
        return new() { Every = every, Repositories = count, BytesPerSecond = bytes };
    }

    /// <summary>A number, or "all".</summary>
    internal static bool TryCount(string text, out int? count)
    {
        count = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
        return count is >= 1 and <= 1_000_000 || count is null && text == All;
    }
}
