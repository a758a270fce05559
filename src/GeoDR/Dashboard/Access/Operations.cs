using GeoDR.Dashboard.Live;
using GeoDR.Failover;
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
            notifications.Notify(NotificationSeverity.Error, "Not allowed", Needs(Roles.Operator));
            return;
        }
        notifications.Notify(NotificationSeverity.Success, await act(name));
        await live.RefreshAsync(cancel);
    });

    /// <summary>The same for an administrator, and for a form that says itself what went wrong.</summary>
    /// <returns>Why nothing was done; null when it was.</returns>
    public async Task<string?> TryAsAdminAsync(Func<string, Task<string>> act, CancellationToken cancel)
    {
        try
        {
            if (await actor.NameIfAsync(Roles.Admin, cancel) is not { } name)
                return Needs(Roles.Admin);
            notifications.Notify(NotificationSeverity.Success, await act(name));
            await live.RefreshAsync(cancel);
            return null;
        }
        catch (RoleChangedException e)
        {
            return e.Message;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            return "Not done: the site's database does not answer.";
        }
    }

    private static string Needs(string role) => $"This needs the role {role}. Sign in again if yours was changed.";

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
