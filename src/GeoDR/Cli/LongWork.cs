using Spectre.Console;

namespace GeoDR.Cli;

/// <summary>How far long work has come, drawn on stderr while it runs; nothing where that is no terminal, so that a script's logs stay still.</summary>
internal static class LongWork
{
    /// <summary>Done so far, of so much (0: not known yet), in words.</summary>
    public delegate void Report(double done, double of, string words);

    public static async Task<T> ShowAsync<T>(string what, Func<Report, Task<T>> work)
    {
        if (Console.IsErrorRedirected)
            return await work((_, _, _) => { });
        var terminal = AnsiConsole.Create(new() { Out = new AnsiConsoleOutput(Console.Error) });
        return await terminal.Progress().AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(context =>
            {
                var bar = context.AddTask(Markup.Escape(what), autoStart: true);
                bar.IsIndeterminate = true;
                return work((done, of, words) =>
                {
                    bar.IsIndeterminate = of <= 0;
                    bar.MaxValue = Math.Max(of, 1);
                    bar.Value = Math.Min(done, bar.MaxValue);
                    bar.Description = Markup.Escape(words.Length > 0 ? words : what);
                });
            });
    }
}
