namespace GeoDR.Lab.Tool.Bench;

/// <summary>What <c>bench intake</c> does; the defaults are the figure that is quoted.</summary>
internal sealed record IntakeOptions
{
    public IReadOnlyList<int> Senders { get; init; } = [1, 4, 64];

    /// <summary>Of each measurement, after a second of warming up.</summary>
    public TimeSpan Length { get; init; } = TimeSpan.FromSeconds(10);
}
