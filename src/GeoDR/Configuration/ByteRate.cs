using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using GeoDR.Sync;

namespace GeoDR.Configuration;

/// <summary>Rates in settings: 20MB/s, 500KB/s, 1GB/s, 200Mbit/s, or unlimited. Decimal units.</summary>
public static class ByteRate
{
    // Slower than this nothing larger than a few layers ever ends, and a reading error is likelier than a wish.
    private const double Least = 1000;

    private static readonly (string Unit, double Bytes)[] s_units =
    [
        ("Gbit/s", 125e6), ("Mbit/s", 125e3), ("kbit/s", 125), ("GB/s", 1e9), ("MB/s", 1e6), ("kB/s", 1e3), ("B/s", 1),
    ];

    /// <param name="bytesPerSecond">Null for unlimited.</param>
    public static bool TryParse(string text, out double? bytesPerSecond)
    {
        bytesPerSecond = null;
        text = text.Trim();
        if (text.Equals("unlimited", StringComparison.OrdinalIgnoreCase))
            return true;
        foreach (var (unit, bytes) in s_units)
            if (text.EndsWith(unit, StringComparison.OrdinalIgnoreCase))
            {
                if (!double.TryParse(text[..^unit.Length].Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
                    return false;
                bytesPerSecond = number * bytes;
                return bytesPerSecond >= Least;
            }
        return false;
    }

    /// <summary>"22:00-06:00 100MB/s".</summary>
    public static bool TryParseWindow(string text, [NotNullWhen(true)] out BandwidthWindow? window)
    {
        window = null;
        if (text.Split(' ', 2, StringSplitOptions.TrimEntries) is not [var hours, var rate] || hours.Split('-') is not [var from, var to]
            || !TryParse(rate, out var limit) || !TryTime(from, out var begin) || !TryTime(to, out var end) || begin == end)
            return false;
        window = new(begin, end, limit);
        return true;
    }

    private static bool TryTime(string text, out TimeOnly time) =>
        TimeOnly.TryParseExact(text, ["HH:mm", "H:mm"], CultureInfo.InvariantCulture, DateTimeStyles.None, out time);
}
