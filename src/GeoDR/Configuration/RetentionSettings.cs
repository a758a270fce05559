using System.Globalization;
using GeoDR.EventLog;
using GeoDR.Retention;

namespace GeoDR.Configuration;

/// <summary>Reads <c>Geo:Retention</c>.</summary>
internal static class RetentionSettings
{
    /// <param name="text">A setting's text; null where it is not given.</param>
    /// <param name="wrong">Hears of a fault: the key and the mend.</param>
    public static RetentionTimes Read(SettingText text, Action<string, string> wrong)
    {
        var (d, read) = (new RetentionTimes(), new LimitReader(text, wrong));
        return new RetentionTimes
        {
            Attempts = read.Time("Geo:Retention:Attempts", d.Attempts, TimeSpan.FromHours(1)),
            AttemptsPerRepository = (int)read.Count("Geo:Retention:AttemptsPerRepository", d.AttemptsPerRepository, 1, 100_000),
            // The deletions' brake counts by the audit log of the last hour.
            Audit = read.Time("Geo:Retention:Audit", d.Audit, TimeSpan.FromDays(1)),
            History = read.Time("Geo:Retention:History", d.History, TimeSpan.FromDays(1)),
            Quarantine = read.Time("Geo:Retention:Quarantine", d.Quarantine, TimeSpan.FromHours(1)),
            QuarantineBytes = read.Bytes("Geo:Retention:QuarantineBytes", d.QuarantineBytes, 10_000_000) ?? long.MaxValue,
        };
    }
}

/// <summary>Reads <c>Geo:Log</c>.</summary>
internal static class LogSettings
{
    /// <inheritdoc cref="RetentionSettings.Read"/>
    public static LogLimits Read(SettingText text, Action<string, string> wrong)
    {
        var (d, read) = (new LogLimits(), new LimitReader(text, wrong));
        return new LogLimits
        {
            KeepFor = read.Time("Geo:Log:KeepFor", d.KeepFor, TimeSpan.Zero),
            ReaderSilence = read.Time("Geo:Log:ReaderSilence", d.ReaderSilence, TimeSpan.FromSeconds(10)),
            MaxEvents = read.Count("Geo:Log:MaxEvents", d.MaxEvents, 1000, int.MaxValue),
            MaxBytes = read.Bytes("Geo:Log:MaxBytes", d.MaxBytes, 10_000_000),
        };
    }
}

/// <summary>Reads limits and says what is wrong with them.</summary>
internal sealed class LimitReader(SettingText text, Action<string, string> wrong)
{
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(3650);

    public TimeSpan Time(string key, TimeSpan otherwise, TimeSpan least)
    {
        if (text(key, Duration.Format(otherwise)) is not { } given)
            return otherwise;
        if (Duration.TryParse(given, out var time) && time >= least && time <= s_longest)
            return time;
        wrong(key, $"is '{given}'; write a time such as 30d, from {Duration.Format(least)} to {Duration.Format(s_longest)}");
        return otherwise;
    }

    public long Count(string key, long otherwise, long least, long most)
    {
        if (text(key, otherwise.ToString(CultureInfo.InvariantCulture)) is not { } given)
            return otherwise;
        if (long.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most)
            return number;
        wrong(key, $"is '{given}'; write a number from {least} to {most}");
        return otherwise;
    }

    /// <summary>Null for none.</summary>
    public long? Bytes(string key, long? otherwise, long least)
    {
        if (text(key, otherwise is { } bytes ? ByteSize.Format(bytes) : "none") is not { } given)
            return otherwise;
        if (given.Equals("none", StringComparison.OrdinalIgnoreCase))
            return null;
        if (ByteSize.TryParse(given, out var size) && size >= least)
            return size;
        wrong(key, $"is '{given}'; write a size such as 10GB, {least / 1_000_000}MB at least, or none");
        return otherwise;
    }
}
