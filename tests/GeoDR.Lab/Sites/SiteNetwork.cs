using GeoDR.Lab.Faults;
using Npgsql;

namespace GeoDR.Lab;

/// <summary>The network between sites: each reaches the others' GeoDR, log and registry by links of its own, which can be cut.</summary>
public sealed class SiteNetwork : IAsyncDisposable
{
    private readonly Dictionary<(Site From, Site To, int Port), FaultProxy> _links = [];

    public static SiteNetwork Start(IReadOnlyList<Site> sites)
    {
        var network = new SiteNetwork();
        foreach (var (from, to) in from a in sites from b in sites where a != b select (a, b))
        {
            foreach (var port in new[] { to.Geo.Url.Port, to.Registry.Port, to.Postgres.Port })
            {
                network._links[(from, to, port)] = FaultProxy.Start("127.0.0.1", port);
            }
        }

        return network;
    }

    public Uri Geo(Site from, Site to) => _links[(from, to, to.Geo.Url.Port)].Url;

    public Uri Registry(Site from, Site to) => _links[(from, to, to.Registry.Port)].Url;

    /// <summary>The connection string of another site's database.</summary>
    public string Log(Site from, Site to) =>
        new NpgsqlConnectionStringBuilder(to.ConnectionString) { Port = _links[(from, to, to.Postgres.Port)].Port }.ConnectionString;

    /// <summary>Nothing passes between the two any more, in either direction.</summary>
    /// <param name="silent">Packets vanish and sockets stay open; else connections are reset and refused.</param>
    public void Cut(Site one, Site other, bool silent)
    {
        foreach (var ((from, to, _), link) in _links)
        {
            if ((from, to) != (one, other) && (from, to) != (other, one))
            {
                continue;
            }

            link.Stalled = silent;
            link.RefuseConnections = !silent;
            if (!silent)
            {
                link.CutAll();
            }
        }
    }

    /// <summary>Everything passes again; what vanished is sent again by whoever waits for its answer.</summary>
    public void Heal()
    {
        foreach (var link in _links.Values)
        {
            link.Heal();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var link in _links.Values)
        {
            await link.DisposeAsync();
        }
    }
}
