using GeoDR.Configuration;
using GeoDR.Hosting;
using GeoDR.Inventory;
using GeoDR.Registry;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>
/// Proves that a registry has told all that it had to tell, without reading it: each of its instances tells in order, so once a
/// canary pushed after the fence was heard of from an instance, nothing before it is still in that instance's queue. An instance
/// that restarted has lost its queue, and then nothing but a whole comparison will do.
/// </summary>
internal sealed class NotificationEcho(GeoSettings settings, NpgsqlDataSource source, InventoryFold fold, TimeProvider time)
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(20);

    /// <summary>Waits for the echo, and until the inventory holds all of it.</summary>
    /// <param name="since">When the comparison before the fence began: what happened earlier it has seen for itself.</param>
    /// <param name="patience">How long instances are waited for.</param>
    /// <returns>Null where all was told; else why that is not known, and whether waiting longer can change it.</returns>
    public async Task<(string Missing, bool Final)?> HearAsync(DateTimeOffset since, TimeSpan patience, CancellationToken cancel)
    {
        if (settings.Registry is not { } options)
            return ("Geo:Registry is not set", true);
        using var registry = RegistryClients.Build(SyncState.Peers.OwnRegistry, options, settings, time);
        var (begun, after) = (time.GetTimestamp(), await HeadAsync(cancel));
        try
        {
            List<string> canaries = [(await Canary.PushAsync(registry, cancel)).ToString()];
            while (await LookAsync(canaries, after, since, cancel) is { } look)
            {
                if (look.Final || time.GetElapsedTime(begun) > patience)
                    return (look.Missing, look.Final);
                // Several instances stand behind one address: each push reaches one of them.
                if (look.Again)
                    canaries.Add((await Canary.PushAsync(registry, cancel)).ToString());
                await Task.Delay(s_look, time, cancel);
            }
        }
        catch (RegistryException e)
        {
            return ($"this site's registry took no canary: {e.Message}", true);
        }
        while (await fold.RunOnceAsync(cancel))
        {
        }
        return null;
    }

    private async Task<long> HeadAsync(CancellationToken cancel)
    {
        await using var command = source.CreateCommand("select coalesce(max(id), 0) from event");
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>Null when every instance was heard; else what is missing, whether that is final, and whether another canary is worth a try.</summary>
    private async Task<(string Missing, bool Final, bool Again)?> LookAsync(List<string> canaries, long after, DateTimeOffset since, CancellationToken cancel)
    {
        await using var command = source.CreateCommand("""
            with echo as (select instance_id from event where id > $1 and repository = $2 and digest = any ($3) and instance_id is not null)
            select exists (select from echo),
                (select count(*) from registry_instance i
                    where last_seen_at > clock_timestamp() - interval '1 hour' and not exists (select from echo where instance_id = i.id)),
                exists (select from registry_instance where first_seen_at >= $4) or exists (
                    select from event e where e.received_at >= $4 and e.instance_id is not null
                        and not exists (select from registry_instance i where i.id = e.instance_id) and exists (select from registry_instance)),
                exists (select from quarantine where last_at >= $4)
            """);
        command.Parameters.Add(new() { Value = after });
        command.Parameters.Add(new() { Value = SiteRelations.CanaryRepository });
        command.Parameters.Add(new() { Value = canaries.ToArray() });
        command.Parameters.Add(new() { Value = since.ToUniversalTime() });
        await using var row = await command.ExecuteReaderAsync(cancel);
        await row.ReadAsync(cancel);
        var (heard, silent, restarted, quarantined) = (row.GetBoolean(0), row.GetInt64(1), row.GetBoolean(2), row.GetBoolean(3));
        return restarted ? ("the registry restarted meanwhile", true, false)
            : quarantined ? ("a notification could not be understood", true, false)
            : !heard ? ("no notification of the canary arrived", false, false)
            : silent > 0 ? ($"{silent} of the instances of the registry {(silent == 1 ? "was" : "were")} not heard of", false, true)
            : null;
    }
}
