using GeoDR.Deletion;

namespace GeoDR.Configuration;

/// <summary>Reads <c>Geo:Deletion</c>.</summary>
internal static class DeletionSettings
{
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(3650);

    /// <param name="text">A setting's text; null where it is not given.</param>
    /// <param name="wrong">Hears of a fault: the key and the mend.</param>
    public static DeletionPolicy Read(SettingText text, Action<string, string> wrong)
    {
        var d = new DeletionPolicy();
        return new DeletionPolicy { Quarantine = Quarantine(d.Quarantine), Brake = Limit(d.Brake), ConfirmAfter = ConfirmAfter(d.ConfirmAfter) };

        TimeSpan? Quarantine(TimeSpan? otherwise)
        {
            const string Key = "Geo:Deletion:Quarantine";
            switch (text(Key, otherwise is { } kept ? Duration.Format(kept) : "never"))
            {
                case null:
                    return otherwise;
                case "never":
                    return null;
                case "none":
                    return TimeSpan.Zero;
                case var given when Duration.TryParse(given, out var time) && time >= TimeSpan.Zero && time <= s_longest:
                    return time;
                case var given:
                    wrong(Key, $"is '{given}'; write a time such as 7d, none (no quarantine) or never (delete nothing, only list)");
                    return otherwise;
            }
        }

        BrakeLimit Limit(BrakeLimit otherwise)
        {
            const string Key = "Geo:Deletion:Brake";
            if (text(Key, otherwise.ToString()) is not { } given)
                return otherwise;
            if (BrakeLimit.TryParse(given, out var limit))
                return limit;
            wrong(Key, $"is '{given}'; write a share of the site's tags such as 5%, or a number");
            return otherwise;
        }

        TimeSpan ConfirmAfter(TimeSpan otherwise)
        {
            const string Key = "Geo:Deletion:ConfirmAfter";
            if (text(Key, Duration.Format(otherwise)) is not { } given)
                return otherwise;
            if (Duration.TryParse(given, out var time) && time >= TimeSpan.FromMilliseconds(100) && time <= TimeSpan.FromDays(1))
                return time;
            wrong(Key, $"is '{given}'; write a time such as 1m, from 100ms to 1d");
            return otherwise;
        }
    }
}
