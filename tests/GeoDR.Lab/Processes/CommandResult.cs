namespace GeoDR.Lab;

/// <summary>What a command that ran to its end left.</summary>
public sealed record CommandResult(string Command, int ExitCode, string Output, string Error)
{
    /// <summary>Throws with everything the command said unless it exited with 0.</summary>
    public CommandResult EnsureSuccess() => ExitCode == 0
        ? this
        : throw new LabException($"{Command}: exit code {ExitCode}\n{Error}{Output}");
}
