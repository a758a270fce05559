using GeoDR.Audit;
using GeoDR.Dashboard.Live;
using GeoDR.Failover;
using GeoDR.Sites;
using Npgsql;
using Radzen;

namespace GeoDR.Dashboard.Access;

/// <summary>Does what an operator asked for on a page: checks that they still may, says how it went, and shows it at once.</summary>
public sealed class Operations(Actor actor, NotificationService notifications, LiveStatus live, IServiceProvider services)
{
    /// <param name="act">Gets the name of who acts and answers in words.</param>
    public Task RunAsync(Func<string, Task<string>> act, CancellationToken cancel) => GuardAsync(async () =>
    {
        if (await NameAsync(Roles.Operator, cancel) is not ({ } name, var address))
        {
            notifications.Notify(NotificationSeverity.Error, "Not allowed", Needs(Roles.Operator));
            return;
        }
        AuditOrigin.Address = address;
        notifications.Notify(NotificationSeverity.Success, await act(name));
        await live.RefreshAsync(cancel);
    });

    /// <summary>The same for an administrator, and for a form that says itself what went wrong.</summary>
    /// <returns>Why nothing was done; null when it was.</returns>
    public async Task<string?> TryAsAdminAsync(Func<string, Task<string>> act, CancellationToken cancel)
    {
        try
        {
            if (await NameAsync(Roles.Admin, cancel) is not ({ } name, var address))
                return Needs(Roles.Admin);
            AuditOrigin.Address = address;
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

    /// <summary>The same, for what has an outcome of its own: shown as it is.</summary>
    /// <returns>Null where nothing was tried.</returns>
    internal async Task<AccountOutcome?> AsAdminAsync(Func<string, Task<AccountOutcome>> act, CancellationToken cancel)
    {
        AccountOutcome? outcome = null;
        await GuardAsync(async () =>
        {
            if (await NameAsync(Roles.Admin, cancel) is not ({ } name, var address))
            {
                notifications.Notify(NotificationSeverity.Error, "Not allowed", Needs(Roles.Admin));
                return;
            }
            AuditOrigin.Address = address;
            outcome = await act(name);
            notifications.Notify(outcome.IsDone ? NotificationSeverity.Success : NotificationSeverity.Error, outcome.IsDone ? outcome.Words : "Not done", outcome.IsDone ? "" : outcome.Words);
        });
        return outcome;
    }

    private async Task<(string? Name, string? Address)> NameAsync(string role, CancellationToken cancel)
    {
        var (name, address, may) = await actor.AskAsync(role, cancel);
        if (!may)
            services.GetRequiredService<Refusals>().Note(RefusalKinds.Role, address, name, "on a page");
        return (may ? name : null, address);
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
