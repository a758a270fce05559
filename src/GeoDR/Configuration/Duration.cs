using System.Globalization;

namespace GeoDR.Configuration;

/// <summary>Times in settings: 500ms, 30s, 5m, 2h, 7d, or 00:05:00. A bare number counts seconds.</summary>
public static class Duration
{
    public static bool TryParse(string text, out TimeSpan time)
    {
        time = default;
        if (text.Contains(':', StringComparison.Ordinal))
            return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out time);
        var (digits, unit) = Split(text);
        if (!double.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            return false;
        double? seconds = unit switch { "ms" => number / 1000, "" or "s" => number, "m" => number * 60, "h" => number * 3600, "d" => number * 86400, _ => null };
        if (seconds is not { } s || s > TimeSpan.MaxValue.TotalSeconds / 2)
            return false;
        time = TimeSpan.FromSeconds(s);
        return true;
    }

    /// <summary>In the largest unit that leaves a whole number.</summary>
    public static string Format(TimeSpan time) => time switch
    {
        { TotalDays: >= 1 } when time.TotalDays % 1 == 0 => $"{time.TotalDays}d",
        { TotalHours: >= 1 } when time.TotalHours % 1 == 0 => $"{time.TotalHours}h",
        { TotalMinutes: >= 1 } when time.TotalMinutes % 1 == 0 => $"{time.TotalMinutes}m",
        _ => $"{time.TotalSeconds.ToString(CultureInfo.InvariantCulture)}s",
    };

    private static (string Digits, string Unit) Split(string text)
    {
        var end = text.TakeWhile(c => char.IsAsciiDigit(c) || c == '.').Count();
        return (text[..end], text[end..].Trim());
    }
}
