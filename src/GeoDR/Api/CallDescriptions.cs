using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace GeoDR.Api;

/// <summary>What each call does, in a sentence or two: for <c>GET /openapi/v1.json</c> and <c>docs/reference/api.md</c>.</summary>
internal static partial class CallDescriptions
{
    /// <summary>The field of an operation that names the role it needs; "site" where another site's key signs the call.</summary>
    public const string Role = "x-geodr-role";

    public static readonly IReadOnlyDictionary<string, string> ByCall = new Dictionary<string, string>
    {
        ["POST /api/v4/container_registry_event/events"] = "Takes notifications of Distribution. 200 after the commit, with `{accepted, ignored, quarantined, problems}`; what cannot be understood is kept and still answered 200. 401 for a wrong secret, 503 when the log cannot be written, so that the registry sends again.",
        ["POST /api/v1/notifications"] = "As at `/api/v4/container_registry_event/events`.",
        ["POST /api/v1/notifications/harbor"] = "As at `/api/v4/container_registry_event/events`, for Harbor's webhooks.",
        ["POST /api/v1/notifications/zot"] = "As at `/api/v4/container_registry_event/events`, for zot's events; the secret may also come as a password.",
        ["POST /api/v1/notifications/acr"] = "As at `/api/v4/container_registry_event/events`, for Azure Container Registry's webhooks.",
        ["GET /healthz/live"] = "200 while the process answers.",
        ["GET /healthz/ready"] = "200 while the site's database answers, else 503.",
        ["GET /healthz/primary"] = "200 only on a confirmed primary that is not fenced and hands nothing over, else 503: for load balancers.",
        ["GET /api/v1/status"] = "The site's role, term, health with reasons, cursor and lag, counts by state, the oldest push that is not here, bytes that wait, alerts' targets.",
        ["GET /api/v1/sites"] = "`items`: every site, as the dashboard shows it (role, health with reasons, lag, counts, figures of its last heartbeat, the freshest marked); `own`, `peers`, `known`: what that is made of.",
        ["GET /api/v1/repositories"] = "A page of repositories that match a filter (`state`, `search`: a part of the name, `verification`: the state of its check, `cause` of a failure, `paused`), in order of `sort`: `name`, `lastSynced`, `waiting`, `nextTry`, with a minus in front for the other way round. `after` is the `next` of the page before, in the same order; `name` finds one.",
        ["GET /api/v1/repositories/{id}"] = "One of them: state and its number 0 to 3, retries, the last failure, what waits, verification.",
        ["GET /api/v1/repositories/{id}/attempts"] = "What each piece of work on it came to, the newest first.",
        ["GET /api/v1/repositories/{id}/tags"] = "(secondary) Its tags at both sites, differences first, as both inventories know them.",
        ["GET /api/v1/repositories/{id}/events"] = "Its events in this site's own log, the newest first.",
        ["GET /api/v1/repositories/{id}/damage"] = "What a check found missing or damaged in it, healed or not.",
        ["POST /api/v1/repositories/{id}/resync"] = "Marks it for sync.",
        ["POST /api/v1/repositories/{id}/reverify"] = "Has it checked; `deep` reads and hashes every byte.",
        ["POST /api/v1/repositories/{id}/pause"] = "Holds its sync; its events are taken in, and wait.",
        ["POST /api/v1/repositories/{id}/resume"] = "Lets its sync go on.",
        ["POST /api/v1/repositories/resync"] = "Marks the repositories that match a filter, or `{\"all\": true}`, for a full sync, as a request that is watched and stopped at `/api/v1/requests/{id}`. An empty filter is 400.",
        ["POST /api/v1/repositories/reverify"] = "Has the repositories that match a filter, or `{\"all\": true}`, checked before all others; `deep` reads every byte. An empty filter is 400.",
        ["GET /api/v1/requests"] = "(secondary) Backfills, resyncs and checks that were asked for on many repositories, with how far they are.",
        ["GET /api/v1/requests/{id}"] = "One of them.",
        ["DELETE /api/v1/requests/{id}"] = "Stops it: what is marked for sync stays marked, checks that have not begun are called off.",
        ["POST /api/v1/pause"] = "Holds the site's sync; the log is followed all the same.",
        ["POST /api/v1/resume"] = "Lets it go on.",
        ["GET /api/v1/events"] = "Events of this site's own log: after an id, or the newest of one repository or kind (`push`, `delete`), `before` an id.",
        ["GET /api/v1/intake"] = "How notifications come in: the last, the rate, what was not understood, which registry instances send.",
        ["GET /api/v1/charts"] = "Samples of lag, backlog and failures (the worst of each step), events, syncs and bytes (the sum); `range` is `hour`, `day` or `week`.",
        ["GET /api/v1/settings"] = "Every setting as this process reads it, with its meaning and where it comes from; no secret.",
        ["GET /api/v1/failures"] = "(secondary) What could not be copied, by cause, with what to do.",
        ["POST /api/v1/failures/retry"] = "Marks all of one cause for sync.",
        ["GET /api/v1/workers"] = "(secondary) The processes that sync, and how much each has in hand.",
        ["GET /api/v1/alerts"] = "What an operator should know, now and before, who is told of it, and what of that did not arrive yet; `state` is `open` or `ended`.",
        ["POST /api/v1/alerts/test"] = "Sends a message that says that it is a test to every target, and answers what happened.",
        ["GET /api/v1/loss"] = "(secondary) The pushes that are known and not here, and how far that list can be trusted.",
        ["GET /api/v1/deletions"] = "(secondary) What was deleted at the primary and is still here, and why.",
        ["POST /api/v1/deletions/{id}/keep"] = "It stays, whatever the primary deletes.",
        ["POST /api/v1/deletions/{id}/release"] = "Ends its quarantine or hold; the look at the primary is not skipped.",
        ["POST /api/v1/deletions/release"] = "Ends the hold of everything that the brake stopped.",
        ["GET /api/v1/audit"] = "Who did what, when and from where (`address`), the newest first, of one `repository` or by one `who`. `refused=true`: only what was refused, one line for each kind, address and minute, with how often.",
        ["GET /api/v1/quarantine"] = "Notifications that could not be understood.",
        ["GET /api/v1/quarantine/{id}"] = "One with its body: as text where it is UTF-8, else as base64.",
        ["POST /api/v1/quarantine/{id}/replay"] = "(primary) Reads it again with this version; what is understood goes into the log, an event once. 409 where only its head was kept.",
        ["DELETE /api/v1/quarantine/{id}"] = "Throws it out unread.",
        ["GET /api/v1/reconcile"] = "The comparisons, the newest first.",
        ["GET /api/v1/reconcile/{id}"] = "What one found.",
        ["POST /api/v1/reconcile"] = "Asks for one.",
        ["GET /api/v1/schedules"] = "What is done again and again: last and next run, how long it took, what it came to.",
        ["GET /api/v1/schedules/{name}/runs"] = "The runs of one schedule.",
        ["POST /api/v1/schedules/{name}/run"] = "Has one of the site's nodes run it now.",
        ["GET /api/v1/preflight"] = "(secondary) Every check of a promotion, with figure and mend; pushes a canary into this site's registry.",
        ["GET /api/v1/drill"] = "(secondary) The drills, the newest first.",
        ["GET /api/v1/drill/{id}"] = "One with its report.",
        ["POST /api/v1/drill"] = "Has one run now.",
        ["GET /api/v1/promote"] = "What a promotion of this site would do now: planned or not, what would be lost, steps, and `refusal` where it cannot begin. Does nothing.",
        ["POST /api/v1/promote"] = "Begins it: handed over where the primary answers, else at once. `planned`: handed over or not at all; `unplanned`: without asking the primary. `name` is this site's own. 202 with the report's address; 409 where it cannot begin, or one runs.",
        ["GET /api/v1/reports"] = "Promotions: steps, times, what was lost.",
        ["GET /api/v1/reports/{id}"] = "One of them.",
        ["GET /api/v1/demote"] = "What a demotion would do; `refusal` where there is nothing to demote.",
        ["POST /api/v1/demote"] = "(a primary that was replaced) Follows the site that was promoted. `name` is this site's own; 409 where nobody replaced it.",
        ["GET /api/v1/term"] = "Every term that the site has heard of.",
        ["POST /api/v1/term"] = "Ends a conflict of two promotions here: `choose` is the site that stays, `name` this site's own. Ask it at both sites.",
        ["POST /api/v1/sites/invite"] = "(primary) As `geodr site invite`: `command` is what is run at the new site, within 15 minutes. Shown once; 409 where this site is no confirmed primary or lacks a setting.",
        ["POST /api/v1/fence"] = "Keeps clients from writing to this site's registry, as `geodr fence`; `name` is this site's own.",
        ["POST /api/v1/unfence"] = "Lets clients write to this site's registry, as `geodr unfence`; `name` is this site's own.",
        ["GET /api/v1/users"] = "The dashboard's users: name, role, `locked`, since when.",
        ["POST /api/v1/users"] = "Adds a user. Without a password one is made and answered, once. 409 where the name is taken.",
        ["POST /api/v1/users/{name}/role"] = "Gives another role and ends the user's sessions. The last administrator stays one (409); whoever would lower themselves says `\"self\": true`.",
        ["POST /api/v1/users/{name}/password"] = "Sets the password, or makes one and answers it, once; ends sessions and a lock.",
        ["POST /api/v1/users/{name}/unlock"] = "Ends the lock after too many wrong passwords.",
        ["DELETE /api/v1/users/{name}"] = "Removes a user and ends the sessions; the last administrator stays (409).",
        ["GET /api/v1/tokens"] = "The API tokens: name, role, when made, when they end. Never the secret.",
        ["POST /api/v1/tokens"] = "Makes one and answers `token`, once; without `lifetime` it counts until it is revoked.",
        ["DELETE /api/v1/tokens/{name}"] = "Revokes one: the next call with it is refused.",
        ["POST /api/v1/sites/revoke"] = "Takes no call and no term of that site any more, and grants it no token. Ask it at every site. 404 for a name that is not known; 409 for the site itself.",
        ["POST /api/v1/sites/remove"] = "Forgets a site that takes part no more; `name` is this site's own. 409 where the settings name it or this site follows it.",
        ["GET /api/v1/divergent"] = "Tags that only one site has; `all`: also what is decided and done.",
        ["POST /api/v1/divergent"] = "(primary) Decides: `take`, `aside` or `drop`, by `site`, `repository` and `tag`, or `\"all\": true`.",
        ["POST /api/v1/sites/heartbeat"] = "A site says how it is and which terms it knows, and hears the same of this one.",
        ["POST /api/v1/sites/divergent"] = "A site tells the primary of tags that only it has, and hears what was decided.",
        ["POST /api/v1/sites/fence"] = "A site that is to be promoted asks its primary to keep clients from writing, or to let them in again.",
        ["GET /api/v1/inventory"] = "A page of the repositories that this site holds, or one repository's tags.",
        ["GET /api/v1/fingerprints"] = "The fingerprints that changed after a mark.",
    };

    /// <summary>Gives an operation its description and its role.</summary>
    public static Task DescribeAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancel)
    {
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        operation.Summary ??= ByCall.GetValueOrDefault($"{context.Description.HttpMethod} /{Constraint().Replace(context.Description.RelativePath ?? "", "}").TrimEnd('/')}");
        operation.Extensions ??= new Dictionary<string, IOpenApiExtension>();
        if (metadata.OfType<IAuthorizeData>().Select(a => a.Policy).FirstOrDefault(p => p is not null) is { } role)
            operation.Extensions[Role] = new JsonNodeExtension(role);
        return Task.CompletedTask;
    }

    [GeneratedRegex(":[^}]*}")]
    private static partial Regex Constraint();
}
