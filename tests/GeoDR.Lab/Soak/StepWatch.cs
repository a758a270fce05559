using System.Collections.Concurrent;
using Npgsql;

namespace GeoDR.Lab;

/// <summary>
/// Says at once what a change of roles has recorded in a site's database: <c>run:STEP</c> of a promotion, <c>site:WHAT</c> of a site
/// that compares what it holds, <c>offer</c> of a divergent tag. By triggers that the lab adds, so that the program knows nothing of it.
/// </summary>
internal sealed class StepWatch : IAsyncDisposable
{
    private const string Triggers = """
        create or replace function lab_step() returns trigger language plpgsql as $$
        begin
            if tg_table_name = 'failover_run' then
                perform pg_notify('lab_step', 'run:' || new.step);
            elsif tg_table_name = 'divergent_tag' then
                perform pg_notify('lab_step', 'offer');
            elsif (old.role, old.comparing) is distinct from (new.role, new.comparing) then
                perform pg_notify('lab_step', 'site:' || case when new.role = 'primary' then new.role else coalesce(new.comparing, 'copy') end);
            end if;
            return null;
        end $$;
        create or replace trigger lab_step after insert or update of step on failover_run for each row execute function lab_step();
        create or replace trigger lab_step after insert on divergent_tag for each row execute function lab_step();
        create or replace trigger lab_step after update on site for each row execute function lab_step();
        listen lab_step;
        """;

    private readonly ConcurrentDictionary<string, TaskCompletionSource> _seen = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly NpgsqlConnection _connection;
    private readonly Task _listening;

    private StepWatch(NpgsqlConnection connection)
    {
        _connection = connection;
        _connection.Notification += (_, told) => Of(told.Payload).TrySetResult();
        _listening = ListenAsync();
    }

    public static async Task<StepWatch> StartAsync(Site site, CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(site.ConnectionString + ";Pooling=false");
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Triggers, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
        return new(connection);
    }

    /// <summary>Ends as soon as that is recorded, or was since the watch began.</summary>
    public Task ReachedAsync(string what) => Of(what).Task;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _listening.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _connection.DisposeAsync();
        _stop.Dispose();
    }

    private TaskCompletionSource Of(string what) => _seen.GetOrAdd(what, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));

    private async Task ListenAsync()
    {
        while (true)
        {
            await _connection.WaitAsync(_stop.Token);
        }
    }
}
