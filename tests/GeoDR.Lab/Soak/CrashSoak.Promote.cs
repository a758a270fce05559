using System.Diagnostics;

namespace GeoDR.Lab;

/// <summary>Promotions whose command, node or other site is killed.</summary>
public sealed partial class CrashSoak
{
    private const string NewestRun = "select id || ' ' || status || ' ' || step || ' ' || coalesce(node, '') from failover_run order by asked_at desc limit 1";

    private static string[] Command(CrashCase what) => what.Change == CrashChange.Planned ? ["promote", "--yes", "--planned"] : ["promote", "--yes", "--unplanned"];

    private static async Task PromoteAsync(Round round, CancellationToken cancellationToken)
    {
        var (what, to) = (round.Case, round.To);
        using var kill = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<CommandResult> command;
        await using (var watch = await StepWatch.StartAsync(to, cancellationToken))
        {
            command = to.Geo.RunAsync(Command(what), null, kill.Token);
            var reached = watch.ReachedAsync($"run:{what.Step}");
            if (await Task.WhenAny(reached, command) != reached)
            {
                throw new LabException($"the step was never begun: {(await command).Error}\n{round.Log()}");
            }

            await Task.Delay(round.Delay, TimeProvider.System, cancellationToken);
        }

        var run = await KillAsync(round, kill, cancellationToken);
        await StartAgainAsync(round, cancellationToken);
        var ended = await FinishAsync(round, command, run, cancellationToken);

        // What an operator does who wants the other site to be the primary.
        await Wait.UntilAsync(
            async _ => (ended = await to.Geo.RunAsync(Command(what))).ExitCode == 0, s_deadline, () => $"it cannot be promoted:\n{ended}\n{round.Log()}", cancellationToken);
    }

    /// <summary>Kills what the case names; gives the run that was under way.</summary>
    private static async Task<Guid> KillAsync(Round round, CancellationTokenSource command, CancellationToken cancellationToken)
    {
        if (round.Case.Side is CrashSide.Command or CrashSide.Both)
        {
            await command.CancelAsync();
        }

        if (round.Case.Side is CrashSide.Serve or CrashSide.Both)
        {
            round.To.Geo.Kill();
        }

        if (round.Case.Side == CrashSide.Other)
        {
            round.From.Geo.Kill();
        }

        round.Killed = Stopwatch.GetTimestamp();
        var run = (await SiteReads.ScalarAsync<string>(round.To, NewestRun, cancellationToken)).Split(' ');
        round.At = run[1] == "running" ? run[2] : run[1];
        return Guid.Parse(run[0]);
    }

    private static async Task StartAgainAsync(Round round, CancellationToken cancellationToken)
    {
        foreach (var site in new[] { round.From, round.To })
        {
            await site.Geo.StartServeAsync(cancellationToken: cancellationToken);
        }
    }

    /// <summary>Sees how the run that was hit ends: by the command where that lives, else by whoever takes it up, or by the command given once more.</summary>
    private static async Task<CommandResult?> FinishAsync(Round round, Task<CommandResult> command, Guid run, CancellationToken cancellationToken)
    {
        CommandResult? ended = null;
        var killed = round.Case.Side is CrashSide.Command or CrashSide.Both;
        if (!killed)
        {
            ended = await command.WaitAsync(s_deadline, cancellationToken);
        }
        else
        {
            await ((Task)command).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (round.Random.Next(2) == 0)
            {
                ended = await round.To.Geo.RunAsync(Command(round.Case));
            }
        }

        string[] last = [];
        await Wait.UntilAsync(
            async token => (last = (await SiteReads.ScalarAsync<string>(round.To, $"select status || ',' || coalesce(node, '') from failover_run where id = '{run}'", token)).Split(','))[0] != "running",
            s_deadline, () => $"nobody finishes the promotion\n{round.Log()}", cancellationToken);
        var next = last[1].StartsWith("cli", StringComparison.Ordinal) ? killed : round.Case.Side is CrashSide.Both or CrashSide.Serve;
        round.Outcome = last[0] switch
        {
            "done" => next ? "finished by the next run" : "finished by the node that lives",
            "undone" => "undone",
            _ => "refused, said why",
        };
        if (last[0] == "undone" && await SiteReads.ScalarAsync<long>(round.To, "select count(*) from failover_run where status in ('running', 'done') and id <> '" + run + "' and asked_at > (select asked_at from failover_run where id = '" + run + "')", cancellationToken) == 0)
        {
            // By itself: nobody gives a command at the old primary.
            var begun = Stopwatch.GetTimestamp();
            await SiteGroup.IsPrimaryAsync(round.From, s_deadline, cancellationToken);
            await PushesAsync(round, cancellationToken);
            round.LetIn = Stopwatch.GetElapsedTime(begun).TotalSeconds;
            if (await EpochAsync(round.To, cancellationToken) != round.Epoch)
            {
                throw new LabException($"it was undone, and the epoch is another\n{round.Log()}");
            }
        }

        return ended;
    }
}
