namespace GeoDR.Configuration;

/// <summary>What is expected of the registry's notifications: <c>Geo:Notifications</c>, besides the secrets.</summary>
public sealed record NotificationSettings
{
    /// <summary>(primary) After so long without one a part of the registry is looked at; default 15 min, 0 never.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromMinutes(15);

    internal static readonly TimeSpan Longest = TimeSpan.FromDays(30);
}
