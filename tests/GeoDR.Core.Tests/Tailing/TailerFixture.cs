using GeoDR.Core.Tests.EventLog;
using GeoDR.Core.Tests.Postgres;
using GeoDR.EventLog;
using GeoDR.Selection;
using GeoDR.Tailing;

namespace GeoDR.Core.Tests.Tailing;

/// <summary>A primary's database with an open log, and a secondary's that follows it.</summary>
public abstract class TailerTest(PostgresFixture postgres) : DatabaseTest(postgres)
{
    // Before insert: it fires for a row that is proposed again, where the conflict clause would hide that.
    private const string RecordSeen = """
        create table seen (event_id bigint not null);
        create function record_seen() returns trigger language plpgsql as $$ begin insert into seen values (new.event_id); return new; end $$;
        create trigger record_seen before insert on waiting_reference for each row execute function record_seen();
        """;

    protected TestDatabase Primary { get; private set; } = null!;

    protected LogAppender Log => new(Primary.Source);

    /// <summary>How the log is read; one for the whole test.</summary>
    protected ILogReader Reader { get; private set; } = null!;

    protected Tailer Tailer => new(Reader, Database.Source, SiteSelection.All);

    protected virtual Task<ILogReader> OpenReaderAsync() => Task.FromResult<ILogReader>(new LogReader(Primary.Source));

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Primary = await Postgres.CreateAsync("primary");
        await Log.EnsureLogAsync(Stop);
        await Database.ExecuteAsync(RecordSeen);
        Reader = await OpenReaderAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        if (Reader is IAsyncDisposable reader)
            await reader.DisposeAsync();
        await Primary.DisposeAsync();
        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected Task AppendAsync(params IReadOnlyList<NewEvent> events) => Log.AppendAsync(events, [], Stop);

    /// <summary>Passes until nothing is left to do; answers the last outcome.</summary>
    protected async Task<TailOutcome> TailAsync()
    {
        while (true)
        {
            var outcome = await Tailer.RunOnceAsync(Stop);
            if (outcome is not (TailOutcome.Advanced or TailOutcome.Repositioned or TailOutcome.Overtaken))
                return outcome;
        }
    }

    /// <summary>The secondary stands at the log's end, with this many events behind it.</summary>
    protected async Task FollowAsync(int events)
    {
        await TailAsync();
        await Log.AppendAsync(Events.Many("before", events), [], Stop);
        Assert.Equal(TailOutcome.UpToDate, await TailAsync());
        Assert.Equal(events, await CursorAsync());
    }

    protected Task<long> CursorAsync() => Database.ScalarAsync<long>("select event_id from cursor");

    protected Task<List<long>> SeenAsync() => Database.ColumnAsync<long>("select event_id from seen order by event_id");

    protected Task<List<string>> BackfillsAsync() => Database.ColumnAsync<string>("select reason from request where kind = 'backfill' order by id");
}
