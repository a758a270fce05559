using System.CommandLine;
using GeoDR.SyncState;

namespace GeoDR.Cli;

/// <summary>The options that say which repositories are meant, as the list's filter does.</summary>
internal sealed class FilterOptions
{
    private readonly Option<string?> _search = new("--search") { Description = "those whose name contains this" };
    private readonly Option<string?> _state = StateOption<RepositoryState>("--state", "those in a state");
    private readonly Option<string?> _verification = StateOption<VerificationState>("--verification", "those whose check is in a state");
    private readonly Option<string?> _cause = new("--cause") { Description = "those that failed with a cause, as `geodr failures` names it" };
    private readonly Option<bool> _paused = new("--paused") { Description = "those whose sync is held" };

    public Command AddTo(Command command)
    {
        foreach (var option in new Option[] { _search, _state, _verification, _cause, _paused })
            command.Options.Add(option);
        return command;
    }

    public RowFilter Read(ParseResult line)
    {
        _ = StateWord.TryParse<RepositoryState>(line.GetValue(_state), out var state);
        _ = StateWord.TryParse<VerificationState>(line.GetValue(_verification), out var verification);
        return new(state, line.GetValue(_search), verification, line.GetValue(_cause), line.GetValue(_paused) ? true : null);
    }

    private static Option<string?> StateOption<T>(string name, string description)
        where T : struct, Enum
    {
        var option = new Option<string?>(name) { Description = $"{description}: {StateWord.All<T>()}" };
        option.AcceptOnlyFromAmong([.. Enum.GetValues<T>().Select(StateWord.Of)]);
        return option;
    }
}
