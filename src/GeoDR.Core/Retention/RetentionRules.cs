using GeoDR.EventLog;

namespace GeoDR.Retention;

/// <summary>
/// A rule for each table that grows with time. What grows with the registry (tags, repositories, their states) has none; what waits for
/// an operator (a deletion that is held) is never pruned; a worker's row goes when the next worker starts.
/// </summary>
public static class RetentionRules
{
    // Registries forget an upload after a week.
    private static readonly TimeSpan s_uploads = TimeSpan.FromDays(14);

    private static readonly TimeSpan s_refused = TimeSpan.FromDays(90);

    // The schedule counts from the last comparison that ended well.
    private const string NotTheLast = "id <> coalesce((select max(id) from reconcile_run where status = 'done'), 0)";

    /// <summary>In the order in which each round of steps takes them.</summary>
    public static IReadOnlyList<RetentionRule> For(RetentionTimes times, LogLimits log) =>
    [
        new LogRule(new LogPruner(log)),
        RetentionRule.ByTime("attempt", "ended_at", times.Attempts),
        new SqlRule("attempt", NewestAttempts, (long)times.AttemptsPerRepository),
        RetentionRule.ByTime("quarantine", "last_at", times.Quarantine) with { StepRows = 50 },
        new SqlRule("quarantine", NewestBodies, times.QuarantineBytes) { StepRows = 500 },
        new SqlRule("reconcile_finding", FindingsOfOldRuns, times.History),
        // Its findings went before it, in steps of their own.
        RetentionRule.ByTime("reconcile_run", "finished_at", times.History,
            $"and {NotTheLast} and not exists (select from reconcile_finding f where f.run_id = reconcile_run.id)"),
        RetentionRule.ByTime("request", "finished_at", times.History),
        RetentionRule.ByTime("damage", "healed_at", times.History),
        RetentionRule.ByTime("registry_instance", "last_seen_at", times.History, "and last_seen_at < (select max(last_seen_at) from registry_instance)"),
        RetentionRule.ByTime("upload", "updated_at", s_uploads),
        RetentionRule.ByTime("divergent_write", "received_at", times.Audit),
        RetentionRule.ByTime("audit", "at", times.Audit),
        RetentionRule.ByTime("audit", "at", s_refused < times.Audit ? s_refused : times.Audit, "and refused is not null"),
    ];

    // A hundred repositories at a time; one with very many more goes on in the next step. Nobody changes an attempt: no row is waited for.
    private const string NewestAttempts = """
        with page as (select id from repository where id > coalesce($2, '0')::bigint order by id limit 100),
        doomed as (
            select a.place from page cross join lateral (
                select ctid as place from attempt where repository_id = page.id order by id desc offset $1) a limit $3),
        gone as (delete from attempt where ctid = any (array(select place from doomed)) returning 1)
        select (select count(*) from gone),
            case when (select count(*) from doomed) = $3 then coalesce($2, '0') else (select max(id)::text from page) end
        """;

    private const string NewestBodies = """
        with doomed as (
            select place from (
                select id, ctid as place, sum(octet_length(body)) over (order by id desc) as bytes from quarantine
                where pg_total_relation_size('quarantine') > $1) q
            where bytes > $1 and $2 is distinct from '' order by id limit $3),
        gone as (delete from quarantine where ctid = any (array(select place from doomed)) returning 1)
        select (select count(*) from gone), case when (select count(*) from doomed) = $3 then 'more' end
        """;

    private const string FindingsOfOldRuns = $"""
        with doomed as (
            select ctid as place from reconcile_finding
            where run_id in (select id from reconcile_run where finished_at < now() - $1 and {NotTheLast}) and $2 is distinct from '' limit $3),
        gone as (delete from reconcile_finding where ctid = any (array(select place from doomed)) returning 1)
        select (select count(*) from gone), case when (select count(*) from doomed) = $3 then 'more' end
        """;
}
