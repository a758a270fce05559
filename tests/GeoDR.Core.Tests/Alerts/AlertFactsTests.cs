using GeoDR.Alerts;
using GeoDR.Core.Tests.Postgres;

namespace GeoDR.Core.Tests.Alerts;

/// <summary>What alerts stand on beside the status.</summary>
public sealed class AlertFactsTests(PostgresFixture postgres) : DatabaseTest(postgres)
{
    [Fact]
    public async Task Facts_OfADatabase_AreRead()
    {
        Assert.Equal(new AlertFacts(0, 0, 0, 0, 0, null, 0), await AlertFacts.ReadAsync(Database.Source, Stop));
        await Database.ExecuteAsync("""
            insert into repository (name, state, retry_count, retry_at) values
                ('synced', 2, 0, null), ('terminal', 3, 1, null), ('stubborn', 0, 8, null), ('retried', 3, 1, clock_timestamp()), ('waits', 3, 1, clock_timestamp());
            insert into waiting_reference (repository_id, reference, event_id, since) select id, 'v1', 1, clock_timestamp() - interval '2 hours' from repository where name = 'waits';
            insert into damage (repository_id, subject, kind, detail, reference) select id, 'v1', 'missing', '', 'v1' from repository where name = 'synced';
            insert into waiting_deletion (repository_id, reference, state, hold) select id, 'v1', 'held', 'brake' from repository where name = 'synced';
            insert into quarantine (body_hash, body, truncated, problems) values ('a', '', false, '{}');
            insert into divergent_write (source_event_id, kind, repository) values ('1', 'push', 'a');
            insert into reconcile_run (reason, status, finished_at, found) values ('x', 'done', clock_timestamp(), 3), ('x', 'failed', clock_timestamp(), 1);
            insert into reconcile_run (reason, status, found) values ('x', 'running', 9);
            update reconcile_run set message = 'no answer' where status = 'failed'
            """);
        Assert.Equal(new AlertFacts(3, 1, 1, 1, 1, (true, 1, "no answer"), 0), await AlertFacts.ReadAsync(Database.Source, Stop));
    }
}
