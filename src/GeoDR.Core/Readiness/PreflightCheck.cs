namespace GeoDR.Readiness;

/// <summary>One thing that a promotion would stand on.</summary>
/// <param name="State">One of <see cref="CheckStates"/>.</param>
/// <param name="Figure">What was found, in words.</param>
/// <param name="Mend">What to do; null where nothing is to be done.</param>
public sealed record PreflightCheck(string Name, string State, string Figure, string? Mend);

/// <summary>How a check ended.</summary>
public static class CheckStates
{
    public const string Pass = "pass";
    /// <summary>A promotion works; something is worse than it could be, or could not be told.</summary>
    public const string Warn = "warn";
    /// <summary>A promotion would not work, or would lose more than it has to.</summary>
    public const string Fail = "fail";
}

/// <summary>What a promotion of this site would stand on, now.</summary>
public sealed record PreflightReport(string Site, DateTimeOffset At, IReadOnlyList<PreflightCheck> Checks)
{
    /// <summary>No check failed.</summary>
    public bool Passed => Checks.All(c => c.State != CheckStates.Fail);
}
