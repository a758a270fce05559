using GeoDR.Dashboard.Access;
using Microsoft.AspNetCore.Components;
using Radzen;

namespace GeoDR.Dashboard.TakeOver;

/// <summary>A dialog's end: an administrator types the site's name, so that nothing of weight is done by a slip of the hand.</summary>
public sealed partial class TypedConfirmation : ComponentBase, IDisposable
{
    private readonly CancellationTokenSource _closed = new();
    private string _typed = "";
    private string? _problem;
    private bool _working;

    [Inject] private DialogService Dialogs { get; set; } = null!;

    [Inject] private Operations Operations { get; set; } = null!;

    /// <summary>What is to be typed.</summary>
    [Parameter, EditorRequired] public string Name { get; set; } = null!;

    /// <summary>What the button says.</summary>
    [Parameter, EditorRequired] public string Verb { get; set; } = null!;

    /// <summary>Off where there is nothing to confirm: the content says why.</summary>
    [Parameter] public bool Possible { get; set; } = true;

    /// <summary>Gets the name of who acts and answers in words.</summary>
    [Parameter, EditorRequired] public Func<string, Task<string>> Act { get; set; } = null!;

    /// <summary>What would be done.</summary>
    [Parameter] public RenderFragment? ChildContent { get; set; }

    private async Task SubmitAsync()
    {
        if (_working)
            return;
        if (_typed.Trim() != Name)
        {
            _problem = $"That is not the site's name, {Name}. Nothing was done.";
            return;
        }
        (_working, _problem) = (true, null);
        _problem = await Operations.TryAsAdminAsync(Act, _closed.Token);
        _working = false;
        if (_problem is null)
            Dialogs.Close(true);
    }

    public void Dispose()
    {
        _closed.Cancel();
        _closed.Dispose();
    }
}
