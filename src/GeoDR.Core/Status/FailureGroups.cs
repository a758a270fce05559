using Npgsql;

namespace GeoDR.Status;

/// <summary>The failures that have one cause.</summary>
/// <param name="Kind">"terminal" (not tried again until something changes) or "retryable".</param>
/// <param name="References">Tags, digests, or repositories as a whole.</param>
/// <param name="Example">The newest of them.</param>
/// <param name="WhatToDo">In a sentence.</param>
public sealed record FailureGroup(string Cause, string Kind, long References, long Repositories, FailureExample Example, string WhatToDo);

/// <summary>One failure.</summary>
/// <param name="Reference">Empty for the repository as a whole.</param>
public sealed record FailureExample(string Repository, string Reference, string Message, DateTimeOffset FailedAt);

/// <summary>The failures by cause, the most frequent first.</summary>
public sealed class FailureGroups(NpgsqlDataSource source)
{
    public async Task<IReadOnlyList<FailureGroup>> ListAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            select n.cause, n.kind, c.of_references, c.of_repositories, r.name, n.reference, n.message, n.failed_at
            from (select cause, kind, count(*) as of_references, count(distinct repository_id) as of_repositories from failure group by cause, kind) c
            join (
                select distinct on (cause, kind) cause, kind, repository_id, reference, message, failed_at
                from failure order by cause, kind, failed_at desc) n
            on n.cause = c.cause and n.kind = c.kind
            join repository r on r.id = n.repository_id
            order by c.of_references desc, n.cause, n.kind
            """);
        var groups = new List<FailureGroup>();
        await using var row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
            groups.Add(new(
                row.GetString(0), row.GetString(1), row.GetInt64(2), row.GetInt64(3),
                new(row.GetString(4), row.GetString(5), row.GetString(6), row.GetFieldValue<DateTimeOffset>(7)), WhatToDo(row.GetString(0))));
        return groups;
    }

    /// <summary>What mends a cause, as <c>Failures</c> names them.</summary>
    public static string WhatToDo(string cause) => ByCause.GetValueOrDefault(cause, "See the message, and the log of `geodr serve`. It is tried again.");

    /// <summary>The causes, and what mends each.</summary>
    public static IReadOnlyDictionary<string, string> ByCause { get; } = new Dictionary<string, string>
    {
        ["manifest too large"] = "Push a smaller manifest: registries take 4 MiB, and annotations are the usual reason for more.",
        ["malformed manifest"] = "The primary's registry holds a manifest that is none: push the tag again, or delete it.",
        ["nested too deep"] = "Push the image with fewer indexes in indexes; eight are followed.",
        ["platform left out"] = "This registry takes no incomplete index: empty Geo:Filter:Platforms, or use one that does.",
        ["name taken"] = "Change Geo:Filter:Map, so that no two repositories get one name here.",
        ["missing at the primary"] = "The primary's registry no longer has what it names: push the image again there.",
        ["wrong content"] = "The primary's registry serves other bytes than the digest says: its storage is damaged; push the image again there.",
        ["no answer"] = "Nothing, if it was a moment's trouble: it is tried again. Else see that the registry named in the message can be reached.",
        ["denied"] = "Give the credentials or the token more rights at the registry that is named; `geodr check` tries them.",
        ["not found"] = "See the own registry's log: it no longer has what was written to it, as after a garbage collection. It is tried again.",
        ["immutable tag"] = "The own registry lets no tag be moved: allow it there for what GeoDR writes.",
        ["too large"] = "Raise the own registry's limit, or that of the proxy in front of it.",
        ["too many requests"] = "Lower Geo:Sync:Workers or Geo:Sync:ConnectionsPerRegistry, or ask for a higher limit. It is tried again.",
        ["registry error"] = "See the log of the registry named in the message. It is tried again.",
        ["refused by the registry"] = "The own registry does not take this kind of content; the message names it. Allow it there, or leave it out by Geo:Filter.",
    };
}
