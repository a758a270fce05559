using System.Net;
using System.Security.Cryptography.X509Certificates;
using GeoDR.Api;
using GeoDR.Configuration;
using GeoDR.Hosting;
using GeoDR.Lab;
using GeoDR.Sites;
using GeoDR.Tokens;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace GeoDR.Core.Tests.Sites;

/// <summary>
/// What a primary's GeoDR is to those who read its log: the real endpoint over a database of the test, or whatever a test has it answer.
/// It knows one other site.
/// </summary>
internal sealed class LogHost : IAsyncDisposable
{
    public const string Name = "berlin";
    public const string Caller = "madrid";

    private readonly LabDirectory _directory = LabDirectory.Create("log-host");
    private readonly List<SiteClient> _clients = [];
    private WebApplication _app = null!;
    private int _calls;

    public Uri Url { get; private set; } = null!;

    /// <summary>Of the site that is known here.</summary>
    public string KeyFile => _directory.PathOf("site.key");

    /// <summary>Calls under way.</summary>
    public int Calls => Volatile.Read(ref _calls);

    /// <summary>The real endpoint.</summary>
    public static Task<LogHost> StartAsync(NpgsqlDataSource source) => StartAsync(source, app => app.MapLog());

    /// <summary>Answers whatever the handler does.</summary>
    public static Task<LogHost> StartAsync(RequestDelegate handler, X509Certificate2? certificate = null) =>
        StartAsync(null, app => app.Run(handler), certificate);

    /// <summary>A reader with the key of the site that is known here.</summary>
    public HttpLogReader Reader(string? caFile = null, TimeSpan? patience = null)
    {
        var client = new SiteClient(SiteKey.Load(KeyFile), Caller, TimeProvider.System, caFile);
        _clients.Add(client);
        return new HttpLogReader(client, new(Name, Url), TimeProvider.System) { Patience = patience ?? TimeSpan.FromSeconds(10) };
    }

    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        _clients.ForEach(c => c.Dispose());
        await _app.DisposeAsync();
        await _directory.DisposeAsync();
    }

    private static async Task<LogHost> StartAsync(NpgsqlDataSource? source, Action<WebApplication> map, X509Certificate2? certificate = null)
    {
        var host = new LogHost();
        var publicKey = host._directory.PathOf("site.pub");
        using (var key = SiteKey.Create())
        {
            key.WritePrivate(host.KeyFile);
            key.WritePublic(publicKey);
        }
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, l =>
        {
            if (certificate is not null)
                l.UseHttps(certificate);
        }));
        if (source is not null)
        {
            builder.Services.AddSingleton(source).AddSingleton<SiteBook>().AddSiteCalls();
            await new SiteBook(source).SetAsync([new(Caller, null, await File.ReadAllTextAsync(publicKey), true, false, "settings", null)], CancellationToken.None);
        }
        builder.Services.AddProblemDetails().AddSingleton(TimeProvider.System)
            .AddSingleton(new GeoSettings { SiteName = Name, Role = "primary", Database = "" });
        var app = host._app = builder.Build();
        app.Use(async (http, next) =>
        {
            Interlocked.Increment(ref host._calls);
            try
            {
                await next(http);
            }
            finally
            {
                Interlocked.Decrement(ref host._calls);
            }
        });
        map(app);
        await app.StartAsync();
        host.Url = new Uri(app.Urls.First());
        return host;
    }
}
