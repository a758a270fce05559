using GeoDR.Dashboard.Live;
using GeoDR.Notifications;
using Microsoft.AspNetCore.Components;
using Radzen;

namespace GeoDR.Dashboard.Pages;

/// <summary>The notifications that could not be understood, and an operator's word on each.</summary>
public sealed partial class QuarantinePage : ReadingPage
{
    private const int Shown = 200;

    private IReadOnlyList<QuarantinedNotification> _rows = [];

    [Inject] private QuarantineStore Quarantine { get; set; } = null!;

    [Inject] private DialogService Dialogs { get; set; } = null!;

    protected override async Task ReadRowsAsync() => _rows = await OnceAsync("quarantine", cancel => Quarantine.ListAsync(0, Shown, cancel));

    private Task ReplayAsync(QuarantinedNotification row) => RunAsync(async name =>
        (await Quarantine.ReplayAsync(row.Id, name, Closed)) switch
        {
            { Outcome: ReplayOutcome.Understood } replay => $"{row.Id} is understood: {Display.Number(replay.Appended, "event", "events")} appended.",
            { Outcome: ReplayOutcome.Stays } => $"{row.Id} is still not understood.",
            { Outcome: ReplayOutcome.NotPrimary } => "Only a primary writes a log; replay it there.",
            { Outcome: ReplayOutcome.Truncated } => $"Of {row.Id} only the head was kept.",
            _ => "It is not there any more.",
        });

    private async Task DropAsync(QuarantinedNotification row)
    {
        var asked = await Dialogs.Confirm(
            $"Notification {row.Id} is thrown out, unread. What it may have told is found by a comparison (geodr reconcile).", "Drop",
            new() { OkButtonText = "Drop", CancelButtonText = "Cancel" });
        if (asked == true)
            await RunAsync(async name => await Quarantine.DropAsync(row.Id, name, Closed) ? $"{row.Id} is dropped." : "It is not there any more.");
    }
}
