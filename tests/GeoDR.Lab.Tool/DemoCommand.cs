using System.CommandLine;

namespace GeoDR.Lab.Tool;

/// <summary><c>geodr-lab demo [--check]</c></summary>
internal static class DemoCommand
{
    public static Command Create()
    {
        var check = new Option<bool>("--check") { Description = "Do not stay: exit 0 only if every pushed image is at the secondary, digest by digest" };
        var command = new Command("demo", "Two sites, real images pushed and arriving at the secondary") { check };
        command.SetAction(async (parsed, token) =>
        {
            try
            {
                return await new Demo(parsed.GetValue(check)).RunAsync(token);
            }
            catch (OperationCanceledException) when (token.IsCancellationRequested)
            {
                Console.WriteLine("stopped");
                return 130;
            }
            catch (LabException e)
            {
                Console.Error.WriteLine($"demo: {e.Message}{(e.InnerException is { } inner ? "\n" + inner.Message : "")}");
                return 1;
            }
        });
        return command;
    }
}
