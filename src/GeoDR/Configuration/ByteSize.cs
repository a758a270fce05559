using System.Globalization;

namespace GeoDR.Configuration;

/// <summary>Sizes in settings: 500MB, 10GB, 1TB (decimal) or 10GiB (binary); a bare number counts bytes.</summary>
public static class ByteSize
{
    private static readonly (string Unit, double Bytes)[] s_units =
    [
        ("TiB", 1L << 40), ("GiB", 1L << 30), ("MiB", 1L << 20), ("KiB", 1L << 10), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1), ("", 1),
    ];

    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        var (unit, factor) = s_units.First(u => text.EndsWith(u.Unit, StringComparison.OrdinalIgnoreCase));
        if (!double.TryParse(text[..^unit.Length].Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) || number * factor >= 9e18)
            return false;
        bytes = (long)(number * factor);
        return true;
    }

    /// <summary>In the largest decimal unit that leaves a whole number.</summary>
    public static string Format(long bytes) =>
        s_units.Where(u => u.Bytes % 10 == 0).Append(("B", 1)).Where(u => bytes % u.Bytes == 0).Select(u => $"{(bytes / u.Bytes).ToString(CultureInfo.InvariantCulture)}{u.Unit}").First();
}
