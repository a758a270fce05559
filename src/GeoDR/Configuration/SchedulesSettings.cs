namespace GeoDR.Configuration;

/// <summary>How the nodes of a site share the schedules: <c>Geo:Schedules</c>.</summary>
public sealed record SchedulesSettings
{
    /// <summary>
    /// How often a node says that it lives; one that has not for twice this is dead, and another goes on with its runs.
    /// Default 7.5 s, 500 ms to 5 min.
    /// </summary>
    public TimeSpan CheckIn { get; init; } = TimeSpan.FromSeconds(7.5);

    internal static SchedulesSettings Read(Func<string, TimeSpan, TimeSpan, TimeSpan, TimeSpan> time) => new()
    {
        CheckIn = time("Geo:Schedules:CheckIn", new SchedulesSettings().CheckIn, TimeSpan.FromMilliseconds(500), TimeSpan.FromMinutes(5)),
    };
}
