using GeoDR.Configuration;
using GeoDR.EventLog;
using GeoDR.Sites;

namespace GeoDR.Hosting;

/// <summary>The primary's log, as the settings let this site read it.</summary>
internal static class PrimaryLogs
{
    /// <summary>The reader ends what it opened.</summary>
    public static ILogReader Open(GeoSettings settings, TimeProvider time) => settings.PrimaryLogUrl is { } url
        ? new HttpLogReader(SiteClient.Of(settings, time)!, new(settings.PrimaryLogPeer!.Name, url), time)
        : new LogReader(SiteDatabase.OpenLog(settings.PrimaryLog!), time, ownsSource: true);
}
