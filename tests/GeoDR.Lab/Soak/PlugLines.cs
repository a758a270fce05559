using GeoDR.Lab.Faults;
using Npgsql;

namespace GeoDR.Lab;

/// <summary>The lines between the two sites that a soak of pulled plugs slows and cuts.</summary>
public sealed class PlugLines : IAsyncDisposable
{
    /// <summary>To the primary's registry.</summary>
    public FaultProxy Registry { get; private set; } = null!;

    /// <summary>To the primary's log.</summary>
    public FaultProxy Log { get; private set; } = null!;

    /// <summary>Puts them into the ways.</summary>
    public SiteLinks Lay(SiteLinks links)
    {
        ArgumentNullException.ThrowIfNull(links);
        var log = new NpgsqlConnectionStringBuilder(links.Log);
        Registry = FaultProxy.Start(links.PrimaryRegistryFromSecondary.Host, links.PrimaryRegistryFromSecondary.Port);
        Log = FaultProxy.Start(log.Host!, log.Port);
        (log.Host, log.Port) = (Log.Url.Host, Log.Port);
        return links with { PrimaryRegistryFromSecondary = Registry.Url, Log = log.ConnectionString };
    }

    /// <summary>As fast as they can be.</summary>
    public void Heal()
    {
        Registry.Heal();
        // A connection that stood still past its end is of no more use.
        Log.CutAll();
        Log.Heal();
    }

    public async ValueTask DisposeAsync()
    {
        await Registry.DisposeAsync();
        await Log.DisposeAsync();
    }
}
