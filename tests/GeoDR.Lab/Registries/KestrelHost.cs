using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace GeoDR.Lab.Registries;

/// <summary>One bare Kestrel on 127.0.0.1, without limits on size or speed: slow and large is what the lab tests.</summary>
sealed class KestrelHost : IAsyncDisposable
{
    readonly WebApplication _app;

    KestrelHost(WebApplication app) => _app = app;

    public Uri Url { get; private set; } = null!;

    public static async Task<KestrelHost> StartAsync(int port, RequestDelegate handler, X509Certificate2? certificate = null)
    {
        // The content root is fixed, so that starting does not watch or read the working directory.
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrel(o =>
        {
            o.AddServerHeader = false;
            o.Limits.MaxRequestBodySize = null;
            o.Limits.MinRequestBodyDataRate = null;
            o.Limits.MinResponseDataRate = null;
            o.Limits.MaxRequestLineSize = 64 << 10;
            o.Limits.MaxRequestHeadersTotalSize = 256 << 10;
            o.Listen(IPAddress.Loopback, port, l =>
            {
                if (certificate is not null)
                {
                    l.UseHttps(certificate);
                }
            });
        });
        builder.WebHost.UseShutdownTimeout(TimeSpan.FromMilliseconds(100));
        var app = builder.Build();
        app.Run(handler);
        await app.StartAsync();
        return new KestrelHost(app) { Url = new Uri(app.Urls.First()) };
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();
}
