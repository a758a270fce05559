using System.CommandLine;

namespace GeoDR.Cli;

/// <summary>Prints what a shell needs to complete this program's verbs and options: the program itself is asked at each Tab.</summary>
internal static class CompletionVerb
{
    private const string Bash = """
        _geodr() {
          local IFS=$'\n'
          COMPREPLY=($(compgen -W "$(geodr "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _geodr geodr
        """;

    private const string Zsh = """
        #compdef geodr
        _geodr() {
          local -a found
          found=("${(@f)$(geodr "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null)}")
          compadd -a found
        }
        compdef _geodr geodr
        """;

    private const string Fish = """
        complete -c geodr -f -a '(geodr "[suggest:"(commandline -C)"]" (commandline) 2>/dev/null)'
        """;

    public static Command Command()
    {
        var shell = new Argument<string>("shell") { Description = "bash, zsh or fish" };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "print a shell's completion: source <(geodr completion bash)") { shell };
        command.SetAction(p => Console.WriteLine(p.GetValue(shell) switch { "bash" => Bash, "zsh" => Zsh, _ => Fish }));
        return command;
    }
}
