using System.Globalization;
using GeoDR.Status;

namespace GeoDR.Dashboard;

/// <summary>Ages, bytes and numbers in words; no Blazor here, so that tests need no browser.</summary>
public static class Display
{
    private static readonly string[] s_units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

    /// <summary>A span in its two largest units: "0.4 s", "12 s", "3 min 20 s", "2 h 5 min", "4 d 1 h".</summary>
    public static string Age(double seconds)
    {
        if (seconds < 10)
            return string.Create(CultureInfo.InvariantCulture, $"{Math.Max(0, seconds):0.#} s");
        var span = TimeSpan.FromSeconds(Math.Min(seconds, 1e9));
        return span switch
        {
            { TotalMinutes: < 1 } => $"{span.Seconds} s",
            { TotalHours: < 1 } => Two(span.Minutes, "min", span.Seconds, "s"),
            { TotalDays: < 1 } => Two(span.Hours, "h", span.Minutes, "min"),
            _ => Two(span.Days, "d", span.Hours, "h"),
        };
    }

    /// <summary>"just now", "12 s ago", "in 3 min 20 s".</summary>
    public static string Relative(DateTimeOffset at, DateTimeOffset now)
    {
        var seconds = Math.Round((now - at).TotalSeconds);
        return seconds switch
        {
            0 => "just now",
            > 0 => $"{Age(seconds)} ago",
            _ => $"in {Age(-seconds)}",
        };
    }

    public static string Utc(DateTimeOffset at) => at.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    public static string Bytes(long bytes)
    {
        var (value, unit) = ((double)bytes, 0);
        while (value >= 1024 && unit < s_units.Length - 1)
            (value, unit) = (value / 1024, unit + 1);
        return string.Create(CultureInfo.InvariantCulture, $"{Math.Round(value, unit == 0 || value >= 100 ? 0 : 1)} {s_units[unit]}");
    }

    /// <summary>Bytes of references that wait. A sum of none known is unknown, never 0.</summary>
    public static string BytesWaiting(long bytes, long references) => (references, bytes) switch
    {
        (0, _) => "–",
        (_, 0) => "unknown",
        _ => Bytes(bytes),
    };

    /// <summary>"12 MiB of 40 MiB".</summary>
    public static string Done(RowProgress progress) => $"{Bytes(progress.BytesDone)} of {Bytes(progress.BytesToDo)}";

    /// <summary>"4 MiB/s, 7 s left", of what was found so far.</summary>
    public static string Left(RowProgress progress) =>
        $"{Bytes((long)progress.BytesPerSecond)}/s, {(progress.SecondsLeft is { } left ? $"{Age(left)} left" : "nothing moves")}";

    /// <summary>Enough of a digest to tell two apart.</summary>
    public static string ShortDigest(string digest) => digest.Length > 19 ? digest[..19] : digest;

    /// <summary>An id out of an address; whatever else was typed there is none.</summary>
    public static long? Id(string? text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null;

    public static string Number(long number) => number.ToString("#,0", CultureInfo.InvariantCulture);

    public static string Number(long number, string one, string many) => $"{Number(number)} {(number == 1 ? one : many)}";

    private static string Two(int large, string largeUnit, int small, string smallUnit) =>
        small == 0 ? $"{large} {largeUnit}" : $"{large} {largeUnit} {small} {smallUnit}";
}
