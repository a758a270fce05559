using GeoDR.Configuration;
using GeoDR.Dashboard;
using GeoDR.Failover;
using GeoDR.Hosting;
using GeoDR.Registry;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.Sync;
using GeoDR.SyncState;
using Npgsql;

namespace GeoDR.Readiness;

/// <summary>Another drill runs, or this one was ended by another's word.</summary>
internal sealed class DrillLostException(string message) : Exception(message);

/// <summary>Carries out one drill on a live secondary: it only reads, keeps to its pace, and leaves a dated report.</summary>
internal sealed class DrillWork(GeoSettings settings, NpgsqlDataSource source, TimeProvider time)
{
    private static readonly string s_node = $"{Environment.MachineName}/{Environment.ProcessId}";

    private readonly DrillRuns _runs = new(source);

    /// <param name="count">Repositories to pull, drawn by lot; null for all.</param>
    /// <param name="say">Hears how far it is.</param>
    /// <returns>The ended drill.</returns>
    /// <exception cref="DrillLostException"/>
    public async Task<DrillRun> RunAsync(int? count, string by, Func<string, Task> say, CancellationToken cancel)
    {
        if (await _runs.BeginAsync(by, s_node, cancel) is not { } id)
            throw new DrillLostException("another drill is running here: wait for its end, `geodr drill list` shows it");
        using var lost = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var progress = "begun";
        var keeper = KeepAsync(id, () => progress, lost);
        try
        {
            var report = await TryAllAsync(count, by, async words => await say(progress = words), lost.Token);
            await _runs.EndAsync(id, InWords(report), report, cancel);
        }
        catch (Exception e) when (e is RegistryException or InvalidOperationException)
        {
            await _runs.EndAsync(id, $"not done: {e.Message}", null, cancel);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new DrillLostException("the drill was ended by another node, which thought this one dead");
        }
        finally
        {
            await lost.CancelAsync();
            await keeper;
            // Whoever was stopped leaves no drill behind that seems to run.
            if (cancel.IsCancellationRequested)
                await _runs.EndAsync(id, $"stopped: {progress}", null, CancellationToken.None);
        }
        return (await _runs.GetAsync(id, cancel))!;
    }

    public static string InWords(DrillReport r) =>
        $"{r.Pulled.Repositories} of {Display.Number(r.Known, "repository", "repositories")} pulled, {Display.Number(r.Pulled.Tags, "tag", "tags")}, {Display.Bytes(r.Pulled.Bytes)} hashed: "
        + (r.Problems.Count == 0 ? "nothing missing or damaged" : $"{Display.Number(r.Problems.Count + r.MoreProblems, "problem", "problems")}")
        + (r.Intake.Fault is { } fault ? $"; the intake would fail: {fault}" : "; the intake works")
        + (r.Recovery.Unplanned is { } seconds ? $"; an unplanned promotion would take about {Display.Age(seconds)}" : "");

    private async Task<DrillReport> TryAllAsync(int? count, string by, Func<string, Task> say, CancellationToken cancel)
    {
        var (at, begun) = (time.GetUtcNow(), time.GetTimestamp());
        if (await new StatusReader(source, time).ReadAsync(cancel) is not { Role: Site.Secondary } status || settings.Registry is null)
            throw new InvalidOperationException("only a secondary with a registry is drilled");
        var sample = new DrillSample(source);
        var (known, names) = await sample.DrawAsync(count, cancel);
        var waiting = await sample.WaitingAsync(names, cancel);
        var (client, via) = await ClientAsync(cancel);
        using var own = client;
        var pull = new ImagePull(client, settings.Selection, new Bandwidth(new BandwidthPlan(settings.Drill.BytesPerSecond, []), time), time);
        foreach (var (name, i) in names.Select((n, i) => (n, i)))
        {
            await say($"{i} of {names.Count} repositories pulled");
            await pull.RepositoryAsync(name, () => sample.TagsAsync(name, cancel), cancel);
        }
        await say("the intake is tried");
        var intake = await new IntakeRehearsal(source, time).TryAsync(cancel);
        var recovery = await RecoveryAsync(status, intake, cancel);
        return new(
            status.Name, status.Version, by, at, time.GetElapsedTime(begun).TotalSeconds, known, count, via, pull.Counts with { Changing = pull.Counts.Changing + waiting }, pull.Problems, pull.More, intake, status.Loss, recovery);
    }

    /// <summary>The clients' way, where it is known and leads to this site's registry; else the own one.</summary>
    private async Task<(RegistryClient Client, string Via)> ClientAsync(CancellationToken cancel)
    {
        var own = RegistryClients.Build(Peers.OwnRegistry, settings.Registry!, settings, time, settings.Selection.Map.At);
        if (settings.Failover.Clients is not { } clients)
            return (own, "this site's own way to its registry; Geo:Failover:Clients is not set");
        var theirs = RegistryClients.Build("clients' registry", clients, settings with { Tokens = new() }, time, settings.Selection.Map.At);
        string why;
        try
        {
            // A proxy that goes by the role leads to the primary now: what it answers says nothing of this site.
            if (await SiteRelations.SameRegistryAsync(own, theirs, cancel))
            {
                own.Dispose();
                return (theirs, $"the clients' way, {clients.Url.Authority}");
            }
            why = "leads to another registry now";
        }
        catch (RegistryException e)
        {
            why = $"cannot be tried: {e.Call}";
        }
        theirs.Dispose();
        return (own, $"this site's own way to its registry; the clients' way {why}");
    }

    private async Task<Recovery> RecoveryAsync(SiteStatus status, IntakeTrial intake, CancellationToken cancel)
    {
        return RecoveryEstimate.Of(new(
            status.Counts.Pending + status.Counts.Started, status.CatchUpSeconds, intake.Seconds, await StartMeter.ReadAsync(source, cancel),
            settings.Failover.UnfenceCommand.Count > 0));
    }

    private async Task KeepAsync(long id, Func<string> progress, CancellationTokenSource lost)
    {
        while (!lost.IsCancellationRequested)
        {
            await Task.Delay(DrillRuns.Lease / 10, time, lost.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                if (!lost.IsCancellationRequested && !await _runs.SayAsync(id, progress(), lost.Token))
                    await lost.CancelAsync();
            }
            // It is said again; a database that is away for longer than the lease ends the drill, which its end then finds.
            catch (Exception e) when (e is NpgsqlException or OperationCanceledException)
            {
            }
        }
    }
}
