using GeoDR.Configuration;
using GeoDR.Sites;

namespace GeoDR.Metrics;

/// <summary>Where the metrics are fetched: at the site's own address with a token, and at a listener of their own where one is set.</summary>
internal static class MetricsEndpoint
{
    public static void MapMetrics(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/metrics", async (MetricsReader reader, CancellationToken cancel) => Results.Text(await reader.ReadAsync(cancel), MetricsText.ContentType))
            .RequireAuthorization(Roles.Viewer).ExcludeFromDescription();
}

/// <summary>Answers GET /metrics, and nothing else, to whoever reaches <c>Geo:Metrics:Listen</c>.</summary>
internal sealed partial class MetricsListener(MetricsReader reader, GeoSettings settings, ILogger<MetricsListener> logger) : IHostedService, IAsyncDisposable
{
    private WebApplication? _app;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // An application of its own: what one listener of the site's would answer, the other would too.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k =>
        {
            k.AddServerHeader = false;
            k.Limits.MaxRequestBodySize = 0;
            k.Listen(settings.Alerts.MetricsListen!);
        });
        _app = builder.Build();
        _app.Run(AnswerAsync);
        await _app.StartAsync(cancellationToken);
        LogListening(logger, settings.Alerts.MetricsListen!);
    }

    public Task StopAsync(CancellationToken cancellationToken) => _app?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    public ValueTask DisposeAsync() => _app?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task AnswerAsync(HttpContext http)
    {
        if (!HttpMethods.IsGet(http.Request.Method) || http.Request.Path != "/metrics")
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }
        http.Response.ContentType = MetricsText.ContentType;
        await http.Response.WriteAsync(await reader.ReadAsync(http.RequestAborted), http.RequestAborted);
    }

    [LoggerMessage(160, LogLevel.Information, "Metrics are at http://{Endpoint}/metrics, for whoever reaches it")]
    private static partial void LogListening(ILogger logger, System.Net.IPEndPoint endpoint);
}
