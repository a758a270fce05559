using GeoDR.Dashboard.Live;
using GeoDR.Deletion;
using Microsoft.AspNetCore.Components;
using Radzen;

namespace GeoDR.Dashboard.Pages;

/// <summary>The deletions that are not applied yet, and an operator's word on each.</summary>
public sealed partial class DeletionsPage : ReadingPage
{
    private const int Shown = 200;

    private IReadOnlyList<DeletionRow> _rows = [];
    private long _releasable;

    [Inject] private Deletions Deletions { get; set; } = null!;

    [Inject] private DialogService Dialogs { get; set; } = null!;

    protected override async Task ReadRowsAsync() =>
        (_rows, _releasable) = (await OnceAsync("deletions", cancel => Deletions.ListAsync(null, null, 0, Shown, cancel)), await OnceAsync("releasable", Deletions.CountReleasableAsync));

    private Task ReleaseAllAsync() => Operations.GuardAsync(async () =>
    {
        var count = Display.Number(await Deletions.CountReleasableAsync(Closed), "deletion", "deletions");
        var asked = await Dialogs.Confirm(
            $"{count} will be applied here, kept ones too, each as soon as the primary's registry has been seen to lack it. The brake does not stop them.", "Release all",
            new() { OkButtonText = $"Release {count}", CancelButtonText = "Cancel" });
        if (asked == true)
            await RunAsync(async name => $"{Display.Number(await Deletions.ReleaseAsync(new(All: true), name, Closed), "deletion is", "deletions are")} released.");
    });

    private Task KeepAsync(DeletionRow row) => RunAsync(async name =>
        await Deletions.KeepAsync(new(row.Id), name, Closed) > 0 ? $"{row.Repository} {row.Reference} stays." : "It is not waiting any more.");

    private async Task ReleaseAsync(DeletionRow row)
    {
        var asked = await Dialogs.Confirm(
            $"{row.Repository} {row.Reference} will be deleted here as soon as the primary's registry has been seen to lack it.", "Release",
            new() { OkButtonText = "Release", CancelButtonText = "Cancel" });
        if (asked == true)
            await RunAsync(async name =>
                await Deletions.ReleaseAsync(new(row.Id), name, Closed) > 0 ? $"{row.Repository} {row.Reference} is released." : "It is not waiting any more.");
    }

    private static string StateOf(DeletionRow row) => row.Hold is null ? row.State : $"{row.State} ({row.Hold})";

    private static string WhyOf(DeletionRow row) => row.Reason
        ?? (row.ReleasedBy is { } who ? $"released by {who}" : row.EventId is null ? "no event; a listing lacked it" : "");
}
