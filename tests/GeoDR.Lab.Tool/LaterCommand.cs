using System.CommandLine;

namespace GeoDR.Lab.Tool;

/// <summary>A verb whose place is kept.</summary>
internal static class LaterCommand
{
    public static Command Create(string name, string description)
    {
        var command = new Command(name, description) { TreatUnmatchedTokensAsErrors = false };
        command.SetAction(_ =>
        {
            Console.Error.WriteLine($"{name}: not built yet");
            return 1;
        });
        return command;
    }
}
