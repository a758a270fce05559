using GeoDR.Readiness;

namespace GeoDR.Configuration;

/// <summary>What this site says of its settings to the others: what a primary needs, and never a secret.</summary>
internal static class ComparedSettings
{
    public static IReadOnlyDictionary<string, string> Of(GeoSettings s) => new Dictionary<string, string>
    {
        ["Geo:Tokens:Issuer"] = s.Tokens.Issuer ?? SettingsCompared.Unset,
        ["Geo:Tokens:Lifetime"] = Duration.Format(s.Tokens.Lifetime),
        ["Geo:Notifications:Secrets"] = Given(s.Secrets.Value.Length > 0),
        ["Geo:Failover:FenceCommand"] = Given(s.Failover.FenceCommand.Count > 0),
        ["Geo:Failover:UnfenceCommand"] = Given(s.Failover.UnfenceCommand.Count > 0),
        ["Geo:Failover:StartHold"] = Duration.Format(s.Failover.StartHold),
        ["Geo:Reconcile:Every"] = Duration.Format(s.Reconcile.Every),
        ["Geo:Log:KeepFor"] = Duration.Format(s.Log.KeepFor),
        ["Geo:Log:ReaderSilence"] = Duration.Format(s.Log.ReaderSilence),
        ["Geo:Retention:Audit"] = Duration.Format(s.Retention.Audit),
        ["Geo:Alerts:Webhook"] = Given(s.Alerts.Webhook is not null),
        ["Geo:Alerts:Mail"] = Given(s.Alerts.Mail is not null),
    };

    private static string Given(bool given) => given ? "set" : SettingsCompared.Unset;
}
