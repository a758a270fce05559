using GeoDR.Core.Tests.Postgres;
using GeoDR.Core.Tests.Sites;
using GeoDR.EventLog;

namespace GeoDR.Core.Tests.Tailing;

public sealed class TailerFromPostgresTests(PostgresFixture postgres) : TailerTests(postgres);

/// <summary>The same over the real endpoint, which Kestrel serves in this process from the primary's database.</summary>
public sealed class TailerOverHttpTests(PostgresFixture postgres) : TailerTests(postgres)
{
    private LogHost _host = null!;

    protected override async Task<ILogReader> OpenReaderAsync()
    {
        _host = await LogHost.StartAsync(Primary.Source);
        return _host.Reader();
    }

    public override async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        await base.DisposeAsync();
    }
}
