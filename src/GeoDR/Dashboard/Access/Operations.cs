using GeoDR.Dashboard.Live;
using GeoDR.Sites;
using Npgsql;
using Radzen;

namespace GeoDR.Dashboard.Access;

/// <summary>Does what an operator asked for on a page: checks that they still may, says how it went, and shows it at once.</summary>
public sealed class Operations(Actor actor, NotificationService notifications, LiveStatus live)
{
    /// <param name="act">Gets the name of who acts and answers in words.</param>
    public Task RunAsync(Func<string, Task<string>> act, CancellationToken cancel) => GuardAsync(async () =>
    {
        if (await actor.NameIfAsync(Roles.Operator, cancel) is not { } name)
        {
            notifications.Notify(NotificationSeverity.Error, "Not allowed", "This needs the role operator. Sign in again if yours was changed.");
            return;
        }
        notifications.Notify(NotificationSeverity.Success, await act(name));
        await live.RefreshAsync(cancel);
    });

    /// <summary>A database that does not answer is said, and the page stays.</summary>
    public async Task GuardAsync(Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            notifications.Notify(NotificationSeverity.Error, "Not done", "The site's database does not answer.");
        }
    }
}
