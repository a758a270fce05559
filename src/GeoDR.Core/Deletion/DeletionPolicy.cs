using System.Globalization;

namespace GeoDR.Deletion;

/// <summary>How much may be deleted in an hour before an operator is asked: a share of what the site holds, or a number.</summary>
public readonly record struct BrakeLimit
{
    private BrakeLimit(double? share, long? count) => (Share, Count) = (share, count);

    /// <summary>Of the site's tags, from 0 to 1.</summary>
    public double? Share { get; }
    public long? Count { get; }

    // A handful is an ordinary day's work, and a share of a small site would be less than that.
    private const long Handful = 5;

    public static BrakeLimit OfShare(double share) => new(share, null);

    public static BrakeLimit OfCount(long count) => new(null, count);

    /// <summary>
    /// The number for a site that holds <paramref name="total"/>. A share is rounded up, and at least five, but of a very small site
    /// never more than half, and always one.
    /// </summary>
    public long For(long total) => Count ?? Math.Max(1, Math.Max((long)Math.Ceiling(total * Share!.Value), Math.Min(Handful, total / 2)));

    /// <summary>"5%" (over 0 and up to 100) or a number, 0 at least.</summary>
    public static bool TryParse(string text, out BrakeLimit limit)
    {
        limit = default;
        if (text.EndsWith('%'))
        {
            if (!double.TryParse(text[..^1].Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var percent) || percent is not (> 0 and <= 100))
                return false;
            limit = OfShare(percent / 100);
            return true;
        }
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count))
            return false;
        limit = OfCount(count);
        return true;
    }

    public override string ToString() => Count is { } count ? count.ToString(CultureInfo.InvariantCulture) : $"{(Share!.Value * 100).ToString("0.##", CultureInfo.InvariantCulture)}%";
}

/// <summary>When what was deleted at the primary is deleted here: <c>Geo:Deletion</c>.</summary>
public sealed record DeletionPolicy
{
    /// <summary>From the event, or the listing, to the first look; zero for none. Null: nothing is deleted, only listed. Default 7 days.</summary>
    public TimeSpan? Quarantine { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Default 5 % of the site's tags.</summary>
    public BrakeLimit Brake { get; init; } = BrakeLimit.OfShare(0.05);

    /// <summary>At least so long lies between the two listings that lack a tag; also the pause after a listing that proves nothing. Default 1 min.</summary>
    public TimeSpan ConfirmAfter { get; init; } = TimeSpan.FromMinutes(1);
}
