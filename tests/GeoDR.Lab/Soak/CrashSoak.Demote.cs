using System.Diagnostics;

namespace GeoDR.Lab;

/// <summary>The way back of a primary that was replaced while it lived, with kills on that way.</summary>
public sealed partial class CrashSoak
{
    private static string Only(Round round) => $"only/r{round.Number:000}";

    private static string Both(Round round) => $"both/r{round.Number:000}";

    /// <summary>Replaces the primary; its registry then takes what nobody else has, and it is killed on its way back.</summary>
    private static async Task DemoteAsync(Round round, CancellationToken cancellationToken)
    {
        var (from, to) = (round.From, round.To);
        (await to.Geo.RunAsync("promote", "--yes", "--unplanned")).EnsureSuccess();
        await IsFencedAsync(round, cancellationToken);
        round.Own[Only(round)] = (await from.Pusher.PushAsync(Only(round), "v1", Image(round, 1), cancellationToken)).Digest;
        round.Own[Both(round)] = (await from.Pusher.PushAsync(Both(round), "v1", Image(round, 2), cancellationToken)).Digest;
        await to.Pusher.PushAsync(Both(round), "v1", Image(round, 3), cancellationToken);
        if (round.Case.Step == "take")
        {
            return;
        }

        using var kill = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        await using var watch = await StepWatch.StartAsync(round.Case.Step == "offer" ? to : from, cancellationToken);
        var command = from.Geo.RunAsync(["demote", "--yes"], null, kill.Token);
        // The command itself is one transaction: the kill comes before or after it.
        await (round.Case.Step switch
        {
            "command" when round.Case.Side == CrashSide.Command => Task.Delay(round.Random.Next(200, 1500), cancellationToken),
            "command" or "registry" => watch.ReachedAsync("site:registry"),
            "offer" => watch.ReachedAsync("offer"),
            var step => watch.ReachedAsync($"site:{step}"),
        }).WaitAsync(s_deadline, cancellationToken);
        await Task.Delay(round.Delay, TimeProvider.System, cancellationToken);
        if (round.Case.Side is CrashSide.Command or CrashSide.Both)
        {
            await kill.CancelAsync();
        }

        await KillOneAsync(round, cancellationToken);
        await ((Task)command).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await StartAgainAsync(round, cancellationToken);
    }

    private static ImageSpec Image(Round round, int number) => ImageSpec.Random(ImageKind.Oci, ((long)round.Number << 8) + number + 0x7000_0000_0000, layers: 1);

    private static async Task KillOneAsync(Round round, CancellationToken cancellationToken)
    {
        if (round.Case.Side is CrashSide.Serve or CrashSide.Both)
        {
            round.From.Geo.Kill();
        }

        if (round.Case.Side == CrashSide.Other)
        {
            round.To.Geo.Kill();
        }

        round.Killed = Stopwatch.GetTimestamp();
        round.At = await SiteReads.ScalarAsync<string>(round.From, "select case when role = 'primary' then role else coalesce(comparing, 'copy') end from site", cancellationToken);
        round.Outcome = round.At == "primary" ? "finished by the next run" : "finished by the node that lives";
    }

    /// <summary>The old primary becomes a secondary; what only it had is listed, kept, and taken over.</summary>
    private static async Task ComeHomeAsync(Round round, CancellationToken cancellationToken)
    {
        var (from, to) = (round.From, round.To);
        await IsFencedAsync(round, cancellationToken);
        (await from.Geo.RunAsync("demote", "--yes")).EnsureSuccess();
        await Wait.UntilAsync(
            async token => await SiteReads.ScalarAsync<string>(from, "select role || coalesce(comparing, '') from site", token) == "secondary", s_deadline,
            () => $"{from.Name} does not end its comparison\n{round.Log()}", cancellationToken);

        // Nothing that it alone has was overwritten, and everything of it is offered.
        HashSet<string> alone = [.. await MissingAsync(to, round.Load.Taken, cancellationToken)];
        round.Listed = alone.Count;
        alone.UnionWith(round.Own.Keys.Select(r => $"{r}:v1"));
        HashSet<string> listed = [];
        await Wait.UntilAsync(
            async token => alone.IsSubsetOf(listed = await DivergentAsync(to, token)), s_deadline,
            () => $"only {from.Name} has {string.Join(", ", alone.Except(listed).Take(5))}, and nobody says so\n{round.Log()}", cancellationToken);
        await HoldsOwnAsync(round, from, cancellationToken);
        if (listed.Count > 0)
        {
            (await to.Geo.RunAsync("divergent", "take", "--all")).EnsureSuccess();
        }

        if (round.Case is { Change: CrashChange.Demote, Step: "take" })
        {
            await Task.Delay(round.Delay * 4, TimeProvider.System, cancellationToken);
            await KillOneAsync(round, cancellationToken);
            await StartAgainAsync(round, cancellationToken);
        }

        await Wait.UntilAsync(
            async token => (await DivergentAsync(to, token)).Count + (await DivergentAsync(from, token)).Count == 0, s_deadline, () => $"what was decided is not done\n{round.Log()}", cancellationToken);
        await HoldsOwnAsync(round, to, cancellationToken);
    }

    /// <summary>What was pushed to the old primary alone is at the site.</summary>
    private static async Task HoldsOwnAsync(Round round, Site site, CancellationToken cancellationToken)
    {
        foreach (var (repository, digest) in round.Own)
        {
            if (await site.Client.ResolveAsync(repository, "v1", cancellationToken) is var found && found != digest)
            {
                throw new LabException($"{repository}:v1 at {site.Name} is {found}, and was to be {digest}\n{round.Log()}");
            }
        }
    }

    /// <summary>The old primary has heard that it was replaced.</summary>
    private static Task IsFencedAsync(Round round, CancellationToken cancellationToken) => Wait.UntilAsync(
        async token => await SiteReads.IsReplacedAsync(round.From, token) && !await round.From.Geo.AnswersAsync("/healthz/primary", token),
        s_deadline, () => $"{round.From.Name} does not hear that it was replaced\n{round.Log()}", cancellationToken);
}
