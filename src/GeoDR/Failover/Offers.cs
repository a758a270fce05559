using System.Text.Json;
using GeoDR.Api;
using GeoDR.Configuration;
using GeoDR.Hosting;
using GeoDR.Inventory;
using GeoDR.Sites;
using GeoDR.SyncState;
using GeoDR.Tokens;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>Tags that the calling site has and the primary lacks; answered with what was decided and done about them.</summary>
internal sealed record OfferedTag(string Repository, string Tag, string Digest, string? Other);

/// <summary>A decision that was carried out at the primary.</summary>
internal sealed record DecidedTag(string Repository, string Tag, string Digest, string Decision);

/// <summary>(secondary) Offers the primary what only this site has, and lets go of it once that was decided.</summary>
internal sealed partial class OfferLoop(
    GeoSettings settings, SiteWatch watch, DivergentTags divergent, NpgsqlDataSource source, ILogger<OfferLoop> logger, TimeProvider time, IServiceProvider services)
    : IntervalLoop(TimeSpan.FromSeconds(5), logger, time)
{
    private const int PageSize = 500;

    protected override string Name => "what only this site has";

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        if (watch.Current is not { IsPrimary: false, Comparing: null } || services.GetService<SiteClient>() is not { } client || settings.PrimaryPeer is not { Url: { } url } primary)
            return false;
        var after = (settings.SiteName, "", "");
        while (await divergent.ListAsync(open: true, after, PageSize, cancel) is { Count: > 0 } page)
        {
            after = (page[^1].Site, page[^1].Repository, page[^1].Tag);
            var own = page.Where(t => t.Site == settings.SiteName).ToList();
            if (own.Count == 0)
                break;
            var decided = await client.CallAsync<IReadOnlyList<DecidedTag>>(
                new(primary.Name, url), HttpMethod.Post, "/api/v1/sites/divergent",
                own.Select(t => new OfferedTag(t.Repository, t.Tag, t.Digest, t.Other)), cancel);
            foreach (var d in decided)
                if (own.FirstOrDefault(t => (t.Repository, t.Tag, t.Digest) == (d.Repository, d.Tag, d.Digest)) is { } tag)
                    await LetGoAsync(tag, d.Decision, cancel);
        }
        return false;
    }

    // What the primary has now is wanted again.
    private async Task LetGoAsync(DivergentTag tag, string decision, CancellationToken cancel)
    {
        await divergent.DecideAsync(tag.Site, tag.Repository, tag.Tag, decision, Audit.AuditWords.Program, cancel);
        await divergent.DoneAsync(tag, null, cancel);
        await using var connection = await source.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using var row = new NpgsqlCommand("select id from repository where name = $1 for update", connection) { Parameters = { new() { Value = tag.Repository } } };
        if (await row.ExecuteScalarAsync(cancel) is long id)
            await Marking.RecheckAsync(connection, id, [tag.Tag], cancel);
        await transaction.CommitAsync(cancel);
        LogLetGo(logger, tag.Repository, tag.Tag, decision);
    }

    [LoggerMessage(251, LogLevel.Information, "{Repository}:{Tag} is not kept any more: {Decision}")]
    private static partial void LogLetGo(ILogger logger, string repository, string tag, string decision);
}

/// <summary>(primary) Takes the offers, and answers what was done about them.</summary>
internal static class OfferApi
{
    private const int Most = 1000;

    public static void MapOffers(this IEndpointRouteBuilder routes) =>
        routes.MapPost("/api/v1/sites/divergent", OfferAsync).DisableAntiforgery().AllowAnonymous();

    private static async Task<IResult> OfferAsync(HttpContext http, SiteCallGuard guard, SiteStore sites, DivergentTags divergent)
    {
        var (caller, body, refusal) = await guard.AuthenticateAsync(http);
        if (caller is null)
            return refusal!;
        if (await sites.ReadAsync(http.RequestAborted) is not { IsPrimary: true, IsFenced: false })
            return Results.Problem(statusCode: 409, title: "This site is no confirmed primary", detail: "Offer it to the primary.");
        if (Parse(body) is not { Count: <= Most } offered)
            return Results.Problem(statusCode: 400, title: "The call cannot be understood", detail: $"A list of at most {Most} tags, each with repository, tag and digest.");
        var known = (await divergent.ListAsync(open: false, (caller, "", ""), int.MaxValue, http.RequestAborted)).Where(t => t.Site == caller)
            .ToDictionary(t => (t.Repository, t.Tag, t.Digest));
        await divergent.FoundAsync(
            [.. offered.Where(o => !known.ContainsKey((o.Repository, o.Tag, o.Digest)))
                .Select(o => new DivergentTag(caller, o.Repository, o.Tag, o.Digest, o.Other, default, null, null, null, null, null))], http.RequestAborted);
        return Results.Ok(offered.Select(o => known.GetValueOrDefault((o.Repository, o.Tag, o.Digest)))
            .OfType<DivergentTag>().Where(t => t.DoneAt is not null).Select(t => new DecidedTag(t.Repository, t.Tag, t.Digest, t.Decision!)));
    }

    private static List<OfferedTag>? Parse(byte[] body)
    {
        try
        {
            var offered = JsonSerializer.Deserialize<List<OfferedTag>>(body, JsonSerializerOptions.Web);
            return offered?.All(o => Registry.OciNames.IsRepository(o.Repository ?? "") && o.Tag is { Length: > 0 and <= 128 } && Registry.Digest.TryParse(o.Digest ?? "", out _)) == true ? offered : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
