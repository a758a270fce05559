using GeoDR.Dashboard.Access;
using GeoDR.Dashboard.Live;
using GeoDR.Notifications;
using Microsoft.AspNetCore.Components;
using Npgsql;
using Radzen;

namespace GeoDR.Dashboard.Pages;

/// <summary>The notifications that could not be understood, and an operator's word on each.</summary>
public sealed partial class QuarantinePage : LiveComponent
{
    private const int Shown = 200;

    private IReadOnlyList<QuarantinedNotification> _rows = [];
    private bool _read;
    private bool _working;

    [Inject] private QuarantineStore Quarantine { get; set; } = null!;

    [Inject] private Operations Operations { get; set; } = null!;

    [Inject] private DialogService Dialogs { get; set; } = null!;

    private DateTimeOffset Now => Time.GetUtcNow();

    protected override async Task OnParametersSetAsync()
    {
        try
        {
            await ReadAsync();
        }
        catch (NpgsqlException)
        {
            // The header says that the database does not answer; the next reading of the status tries again.
        }
    }

    protected override Task OnLiveAsync(LiveSnapshot snapshot) => ReadAsync();

    private async Task ReadAsync() => (_rows, _read) = (await Quarantine.ListAsync(0, Shown, Closed), true);

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

    private async Task RunAsync(Func<string, Task<string>> act)
    {
        _working = true;
        await Operations.RunAsync(act, Closed);
        _working = false;
        await Operations.GuardAsync(ReadAsync);
    }
}
