using System.Globalization;

namespace GeoDR.Configuration;

/// <summary>Sizes in settings: 500MB, 10GB, 2TB, or none. Decimal units; GiB and its like are taken too.</summary>
public static class ByteSize
{
    private static readonly (string Unit, double Bytes)[] s_units =
    [
        ("TiB", 1L << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1),
    ];

    /// <param name="size">Null for none.</param>
    public static bool TryParse(string text, out long? size)
    {
        size = null;
        text = text.Trim();
        if (text.Equals("none", StringComparison.OrdinalIgnoreCase))
            return true;
        foreach (var (unit, bytes) in s_units)
            if (text.EndsWith(unit, StringComparison.OrdinalIgnoreCase))
            {
                if (!double.TryParse(text[..^unit.Length].Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
                    || number * bytes >= long.MaxValue)
                    return false;
                size = (long)(number * bytes);
                return true;
            }
        return false;
    }
}
