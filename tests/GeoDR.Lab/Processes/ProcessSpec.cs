namespace GeoDR.Lab;

/// <summary>What to start, as whom, and where its output goes.</summary>
public sealed record ProcessSpec(string File, params IReadOnlyList<string> Arguments)
{
    /// <summary>stdout and stderr are appended here.</summary>
    public required string LogFile { get; init; }

    public IReadOnlyDictionary<string, string>? Environment { get; init; }

    public string? WorkingDirectory { get; init; }

    /// <summary>The user to become; only root can.</summary>
    public string? User { get; init; }

    /// <summary>What messages call it; the executable's name when not set.</summary>
    public string? Name { get; init; }

    /// <summary>
    /// The whole command line: a session of its own (Ctrl-C at the terminal reaches the lab alone, which stops its children in
    /// order), and death with the lab. Every step execs, so the process id stays the one that was started.
    /// </summary>
    internal IEnumerable<string> CommandLine() =>
        ["setsid", "setpriv", "--pdeathsig", "KILL", .. AsUser(User), "--", File, .. Arguments];

    internal static IEnumerable<string> AsUser(string? user) =>
        user is null ? [] : [$"--reuid={user}", $"--regid={user}", "--init-groups"];
}
