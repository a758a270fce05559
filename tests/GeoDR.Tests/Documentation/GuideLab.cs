using GeoDR.Lab;

namespace GeoDR.Tests.Documentation;

/// <summary>The sites of the documents: berlin and madrid of the lab behind a proxy, paris that is yet to join, and the tutorial's demo.</summary>
internal sealed class GuideLab(SiteGroup sites, Dictionary<string, string> paris) : IAsyncDisposable
{
    private readonly int[] _ports = [Ports.Free(), Ports.Free(), Ports.Free(), Ports.Free()];
    private ManagedProcess? _demo;
    private string? _path;

    public SiteGroup Sites => sites;

    public static async Task<GuideLab> StartAsync(CancellationToken cancellationToken)
    {
        var sites = await SiteGroup.StartAsync(new()
        {
            Names = ["berlin", "madrid"], Proxy = true, Configure = geo => geo.Set("Reconcile:Settle", "100ms"),
        }, cancellationToken);
        var (berlin, madrid) = (sites["berlin"], sites["madrid"]);
        await madrid.Postgres.CreateDatabaseAsync("paris", cancellationToken: cancellationToken);
        // As the guide says: names, addresses, both registries, and a key that is not there yet.
        var paris = new GeoSite("paris", sites.Directory.PathOf("paris", "geodr")).Set("Site:Role", "secondary").Set("Site:KeyFile", sites.Directory.PathOf("paris", "site.key"))
            .Set("Database", madrid.Postgres.ConnectionString("paris")).Set("Primary:Url", Text(berlin.Geo.Url)).Set("Primary:Log", Text(berlin.Geo.Url)).Set("Primary:AllowHttp", "true")
            .Set("Registry:Url", Text(madrid.Registry.Url)).Set("Registry:AllowHttp", "true")
            .Set("Primary:Registry:Url", Text(berlin.Registry.Url)).Set("Primary:Registry:AllowHttp", "true").Settings;
        var image = await berlin.Pusher.PushAsync("app/web", "v1", ImageSpec.Random(ImageKind.Oci, 1), cancellationToken);
        await SiteGroup.ArrivesAsync(madrid, image, TimeSpan.FromSeconds(60), cancellationToken);
        return new(sites, paris);
    }

    /// <summary>The documents' names and places as they are called here.</summary>
    public string Here(string text) => new (string There, string Here)[]
    {
        ("https://geodr.berlin.example", Text(sites["berlin"].Geo.Url)), ("https://geodr.madrid.example", Text(sites["madrid"].Geo.Url)),
        ("registry.berlin.example:5000", sites["berlin"].Registry.Host), ("registry.madrid.example:5000", sites["madrid"].Registry.Host),
        ("check port 8080", $"check port {sites["berlin"].Geo.Url.Port}"),
        ("/etc/geodr/tokens.crt", sites["berlin"].Geo.Settings["Geo__Tokens__CertificateFile"]),
        ("127.0.0.1:5001", $"127.0.0.1:{_ports[2]}"), ("127.0.0.1:5002", $"127.0.0.1:{_ports[3]}"),
    }.Aggregate(text, (t, r) => t.Replace(r.There, r.Here, StringComparison.Ordinal));

    /// <summary>A document's commands run in a directory of its own, one after the other.</summary>
    public string DirectoryOf(string file) => Directory.CreateDirectory(sites.Directory.PathOf("guides", Path.GetFileNameWithoutExtension(file), "x")[..^2]).FullName;

    /// <summary>What a shell at a site has: its settings, and a path with nothing but the programs that are named.</summary>
    public IReadOnlyDictionary<string, string> Environment(string? site, IEnumerable<string> programs)
    {
        if (_path is null)
        {
            _path = Directory.CreateDirectory(sites.Directory.PathOf("guides", "bin", "x")[..^2]).FullName;
            foreach (var program in programs.Select(p => $"/usr/bin/{p}").Append(GeoProgram.Path))
                File.CreateSymbolicLink(Path.Combine(_path, Path.GetFileName(program)), program);
        }
        return new Dictionary<string, string>(site switch { null => [], "paris" => paris, _ => sites[site].Geo.Settings }) { ["PATH"] = _path };
    }

    /// <summary>Brings about what a block stands on.</summary>
    public async Task PrepareAsync(string? with, CancellationToken cancellationToken)
    {
        switch (with)
        {
            case "demo":
                await StartDemoAsync(cancellationToken);
                break;
            case "berlin-gone":
                await sites["berlin"].KillAsync();
                break;
            case "berlin-back":
                await sites["berlin"].StartAgainAsync(cancellationToken);
                break;
            case { } unknown:
                throw new LabException($"with={unknown} is nothing that can be brought about");
        }
    }

    /// <summary>As Ctrl-C ends it; it must leave by itself.</summary>
    public async Task EndDemoAsync()
    {
        if (_demo is null)
            return;
        if (!await _demo.StopAsync(TimeSpan.FromSeconds(60), Signal.Interrupt))
            throw new LabException($"Ctrl-C did not end the demo\n{_demo.LogTail(20)}");
        await _demo.DisposeAsync();
        _demo = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_demo is not null)
            await _demo.DisposeAsync();
        await sites.DisposeAsync();
    }

    // What ./scripts/demo starts when everything is built.
    private async Task StartDemoAsync(CancellationToken cancellationToken)
    {
        var tool = Path.Combine(GeoProgram.RepositoryRoot(), "tests", "GeoDR.Lab.Tool", "bin", "Release", "net10.0", "geodr-lab");
        var directory = sites.Directory.PathOf("demo", "x")[..^2];
        _demo = ManagedProcess.Start(new(tool, "demo")
        {
            LogFile = sites.Directory.PathOf("demo.log"), Name = "demo",
            Environment = new Dictionary<string, string>
            {
                ["GEODR_DEMO_DIR"] = directory, ["GEODR_DEMO_DOCKER"] = "no", ["GEODR_PROGRAM"] = GeoProgram.Path,
                ["GEODR_DEMO_PORT_BERLIN"] = $"{_ports[0]}", ["GEODR_DEMO_PORT_MADRID"] = $"{_ports[1]}",
                ["GEODR_DEMO_PORT_BERLIN_REGISTRY"] = $"{_ports[2]}", ["GEODR_DEMO_PORT_MADRID_REGISTRY"] = $"{_ports[3]}",
            },
        });
        await _demo.WaitUntilAsync(_ => Task.FromResult(_demo.LogTail(20).Contains("Ctrl-C ends both sites", StringComparison.Ordinal)), TimeSpan.FromSeconds(180), "both sites stand and every image is there", cancellationToken);
        if (!_demo.LogTail(200).Contains("images are at madrid", StringComparison.Ordinal))
            throw new LabException(_demo.LogTail(60));
    }

    private static string Text(Uri url) => url.AbsoluteUri.TrimEnd('/');
}
