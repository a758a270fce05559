using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace GeoDR.Status;

/// <summary>A place in a list of repositories in one order: that of a row as it was when it was shown, so that nothing is skipped when rows move.</summary>
/// <param name="Key">What the order goes by: a name, a time in UTC (its greatest stands for PostgreSQL's infinity), or null where the row has none.</param>
public sealed record RepositoryCursor(RepositoryOrder Order, object? Key, long Id)
{
    private const int Longest = 2048;

    private static readonly UTF8Encoding s_strict = new(false, throwOnInvalidBytes: true);

    /// <summary>The cursor that this text is; null for anything that no list has given.</summary>
    public static RepositoryCursor? Parse(string text)
    {
        if (text.Length > Longest)
            return null;
        try
        {
            var parts = s_strict.GetString(Base64Url.DecodeFromChars(text)).Split(' ', 3);
            if (parts.Length < 3 || RepositoryOrder.Parse(parts[0]) is not { } order
                || !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var id))
                return null;
            object? key = parts[2].Length == 0 ? null : order.Sort == RepositorySort.Name ? parts[2]
                : new DateTime(long.Parse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture), DateTimeKind.Utc);
            if (order.Sort == RepositorySort.Name && key is null || parts[2].Contains('\0'))
                return null;
            var cursor = new RepositoryCursor(order, key, id);
            return cursor.ToString() == text ? cursor : null;
        }
        catch (Exception e) when (e is FormatException or DecoderFallbackException or OverflowException or ArgumentOutOfRangeException)
        {
            return null;
        }
    }

    /// <summary>For an address: opaque to whoever keeps it.</summary>
    public override string ToString() => Base64Url.EncodeToString(s_strict.GetBytes(string.Create(
        CultureInfo.InvariantCulture, $"{Order.Word} {Id} {(Key is DateTime at ? at.Ticks : Key)}")));
}
