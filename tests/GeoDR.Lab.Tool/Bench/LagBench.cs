using System.Diagnostics;
using System.Text.Json.Nodes;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>
/// How long after a client's push the image is at the secondary: pushes at random times, half of them over a tag that exists, while a
/// backfill of many repositories runs that outlasts them.
/// </summary>
internal sealed class LagBench(LagOptions options)
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();

    /// <exception cref="LabException">A push did not arrive, or the backfill ended before the last push: then nothing was measured.</exception>
    public async Task<JsonObject> RunAsync(CancellationToken cancellationToken)
    {
        await using var lab = new LagSites(options, Say);
        await lab.StartAsync(cancellationToken);
        Say($"making {options.Pushes} images");
        var plan = await PlanAsync(lab.Sites.Directory, cancellationToken);
        Say("the secondary joins");
        await lab.JoinAsync(cancellationToken);
        var atStart = options.Repositories - await lab.BackfilledAsync(cancellationToken);
        Say($"{options.Pushes} pushes over {options.Over.TotalSeconds:0} s; backfill: {atStart} of {options.Repositories} repositories to go");
        var begin = Stopwatch.GetTimestamp();
        var cpu = new ProcessorTime([lab.Sites.Secondary.Geo.Serve!, .. lab.Sites.Secondary.Geo.Workers]);
        var pusher = new LagPusher(lab.Sites);
        var measured = await Task.WhenAll(plan.Select(async push =>
        {
            var rest = push.At - Stopwatch.GetElapsedTime(begin);
            await Task.Delay(rest > TimeSpan.Zero ? rest : TimeSpan.Zero, TimeProvider.System, cancellationToken);
            return await pusher.PushAsync(push, cancellationToken);
        }));
        var took = Stopwatch.GetElapsedTime(begin);
        var spent = cpu.Spent();
        var left = options.Repositories - await lab.BackfilledAsync(cancellationToken);
        Say($"all arrived after {took.TotalSeconds:0} s; backfill: {left} of {options.Repositories} repositories to go");
        var report = new LagReport(options, measured, took, spent, atStart, left, await lab.FailedAsync(cancellationToken));
        report.Print();
        return left > 0
            ? report.ToJson()
            : throw new LabException("the backfill ended before the last push arrived, so these figures say nothing: more --repositories, or a lower --throttle");
    }

    /// <summary>Half of the pushes go over a tag of a filled repository, a quarter beside one, a quarter into new repositories.</summary>
    private async Task<IReadOnlyList<PlannedPush>> PlanAsync(LabDirectory directory, CancellationToken cancellationToken)
    {
        var random = new Random(options.Seed);
        var filled = Enumerable.Range(0, options.Repositories).ToArray();
        random.Shuffle(filled);
        var kinds = Enumerable.Range(0, options.Pushes).Select(n => n % 4).ToArray();
        random.Shuffle(kinds);
        var plan = new List<PlannedPush>();
        for (var n = 0; n < options.Pushes; n++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var path = directory.PathOf("images", $"{n}");
            var image = new ImageSpec(ImageKind.Oci, 1_000_000 + n, new LayerSpec(2, 4096), new LayerSpec(1_000_000 + n, 8192));
            var digest = await ImageLayout.WriteOciAsync(path, "image", image);
            var at = options.Over * random.NextDouble();
            var (repository, tag, overwrites) = kinds[n] switch
            {
                0 or 1 => (LagSites.FilledName(filled[n % filled.Length]), "1.0", true),
                2 => (LagSites.FilledName(filled[n % filled.Length]), $"2.{n}", false),
                _ => ($"new/{n:000}", "1.0", false),
            };
            plan.Add(new PlannedPush(at, repository, tag, overwrites, $"oci:{path}:image", digest));
        }

        return plan;
    }

    private void Say(string what) => Console.Error.WriteLine($"{_watch.Elapsed.TotalSeconds,6:0.0} s  {what}");
}
