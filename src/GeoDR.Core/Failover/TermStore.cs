using System.Security.Cryptography;
using GeoDR.Audit;
using GeoDR.Sites;
using GeoDR.Tokens;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>A term that this site has heard of.</summary>
/// <param name="Jws">As its site signed it: to be told on.</param>
/// <param name="Rejected">Why it counts no more; null while it does.</param>
public sealed record KnownTerm(long Epoch, Guid Promotion, string Site, string Jws, DateTimeOffset KnownAt, string? Rejected);

/// <summary>What came of hearing a term.</summary>
/// <param name="Refused">Why it was not kept; null when it is kept.</param>
public readonly record struct TermHeard(bool IsNew, string? Refused);

/// <summary>Every term a site has heard of; the newest that counts says who may write the log.</summary>
public sealed class TermStore(NpgsqlDataSource source, SiteBook book)
{
    // Whoever may promote may not use up all numbers in one go.
    private const long FarthestAhead = 10_000;

    public async Task<IReadOnlyList<KnownTerm>> ListAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select epoch, promotion, site, signed, known_at, rejected from term order by epoch desc, known_at desc limit 1000");
        var terms = new List<KnownTerm>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            terms.Add(new(reader.GetInt64(0), reader.GetGuid(1), reader.GetString(2), reader.GetString(3), reader.GetFieldValue<DateTimeOffset>(4),
                reader.IsDBNull(5) ? null : reader.GetString(5)));
        return terms;
    }

    /// <summary>The terms of the newest epoch that count, more than one in a conflict: what other sites are told.</summary>
    public async Task<IReadOnlyList<string>> NewestAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand(
            "select signed from term where rejected is null and epoch = (select max(epoch) from term where rejected is null) order by promotion");
        var terms = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            terms.Add(reader.GetString(0));
        return terms;
    }

    /// <summary>Keeps a term if a site signed it that is known, not revoked, and may promote. Whoever tells of it matters not.</summary>
    public async Task<TermHeard> HearAsync(string jws, CancellationToken cancel)
    {
        if (TermToken.Read(jws) is not { } claims)
            return new(false, "it is no term");
        var known = await ListAsync(cancel);
        if (known.Any(t => t.Promotion == claims.Promotion && t.Jws == jws))
            return default;
        if (known.Any(t => t.Promotion == claims.Promotion))
            return new(false, $"the promotion {claims.Promotion} is known with another signature");
        if (await book.FindAsync(claims.Site, cancel) is not { PublicKey: { } pem } site)
            return new(false, $"it is of the site {claims.Site}, whose key is not known here");
        if (site.Revoked)
            return new(false, $"the site {claims.Site} was revoked");
        if (!site.MayPromote)
            return new(false, $"the site {claims.Site} has no right to promote");
        if (!IsSignedBy(jws, pem))
            return new(false, $"it was not signed by the site {claims.Site}");
        if (claims.Epoch > known.Select(t => t.Epoch).DefaultIfEmpty(0).Max() + FarthestAhead)
            return new(false, $"epoch {claims.Epoch} is too far ahead");
        await using var command = source.CreateCommand($"""
            with kept as (insert into term (promotion, epoch, site, signed) values ($1, $2, $3, $4) on conflict do nothing returning 1)
            select pg_notify('{Site.Channel}', ''), (select count(*) from kept)
            """);
        command.Parameters.Add(new() { Value = claims.Promotion });
        command.Parameters.Add(new() { Value = claims.Epoch });
        command.Parameters.Add(new() { Value = claims.Site });
        command.Parameters.Add(new() { Value = jws });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        await reader.ReadAsync(cancel);
        return new(reader.GetInt64(1) > 0, null);
    }

    /// <summary>An operator's word: the term counts no more at this site. False when it is not known, or rejected already.</summary>
    public async Task<bool> RejectAsync(Guid promotion, string by, string reason, CancellationToken cancel)
    {
        await using var command = source.CreateCommand($"""
            with gone as (update term set rejected = $2 where promotion = $1 and rejected is null returning site, epoch),
            kept as (insert into audit (who, what, reference, detail, address) select $3, 'term rejected', site, 'epoch ' || epoch || ': ' || $2, $4 from gone)
            select (select count(*) from gone), pg_notify('{Site.Channel}', '')
            """);
        command.Parameters.Add(new() { Value = promotion });
        command.Parameters.Add(new() { Value = reason });
        command.Parameters.Add(new() { Value = by });
        command.Parameters.Add(AuditOrigin.Parameter());
        return (long)(await command.ExecuteScalarAsync(cancel))! > 0;
    }

    private static bool IsSignedBy(string jws, string pem)
    {
        try
        {
            return SiteKey.ParseAll(pem).Any(key =>
            {
                using (key)
                    return TermToken.IsSignedBy(jws, key);
            });
        }
        catch (CryptographicException)
        {
            return false;
        }
    }
}
