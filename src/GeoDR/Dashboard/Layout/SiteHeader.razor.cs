using GeoDR.Dashboard.Access;
using GeoDR.Dashboard.Live;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.SyncState;
using Microsoft.AspNetCore.Components;
using Radzen;

namespace GeoDR.Dashboard.Layout;

/// <summary>What a person must see on every page: which site this is, how it is, how far behind, and what is under way.</summary>
public sealed partial class SiteHeader : LiveComponent
{
    private bool _working;

    [Inject] private Operations Operations { get; set; } = null!;

    [Inject] private SiteStore Sites { get; set; } = null!;

    [Inject] private Requests Requests { get; set; } = null!;

    [Inject] private DialogService Dialogs { get; set; } = null!;

    private static string LagOf(SiteStatus site) => site switch
    {
        { Log: { } log } => $"log at event {Display.Number(log.Head)}",
        { Cursor: { LagEvents: 0 } } => "no lag",
        { Cursor: { } cursor } => $"{Display.Number(cursor.LagEvents, "event", "events")} behind, {Display.Age(cursor.LagSeconds)}",
        _ => "the primary's log has not been read yet",
    };

    private static string InWords(Request request, long repositories) => request.Left is { } left
        ? $"Check by {request.CreatedBy}: {Display.Number(request.Marked, "repository", "repositories")} marked, {Display.Number(left)} to be checked"
        : $"{(request.Kind == "backfill" ? "Backfill" : $"Resync by {request.CreatedBy}")}: {Display.Number(request.Marked)} of "
        + $"{(request.Scope == "all" ? $"about {Display.Number(Math.Max(repositories, request.Marked))}" : "the matching")} repositories marked";

    // How many there will be is known only at the end: the bar never claims that before.
    private static double Progress(Request request, long repositories) =>
        request.Left is { } left ? Math.Min(99, 100d * Math.Max(0, request.Marked - left) / Math.Max(1, request.Marked)) :
        repositories == 0 ? 0 : Math.Min(99, 100d * request.Marked / repositories);

    private Task PauseAsync(bool pause) => RunAsync(async name =>
    {
        await Sites.PauseAsync(pause, name, Closed);
        return pause ? "Sync is paused. What had begun is finished; the log is still followed." : "Sync goes on.";
    });

    private async Task StopAsync(Request request)
    {
        if (await Dialogs.Confirm($"Stop the {request.Kind}? {(request.Left is null ? "What is marked already stays marked." : "Checks that have not begun are called off.")}", "Stop", new() { OkButtonText = "Stop it", CancelButtonText = "Let it run" }) == true)
            await RunAsync(async name => await Requests.StopAsync(request.Id, name, Closed) ? $"The {request.Kind} is stopped." : $"The {request.Kind} had already ended.");
    }

    private async Task RunAsync(Func<string, Task<string>> act)
    {
        _working = true;
        await Operations.RunAsync(act, Closed);
        _working = false;
    }
}
