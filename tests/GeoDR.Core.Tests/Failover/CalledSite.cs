using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using GeoDR.Api;
using GeoDR.Configuration;
using GeoDR.Failover;
using GeoDR.Lab;
using GeoDR.Sites;
using GeoDR.Tokens;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace GeoDR.Core.Tests.Failover;

/// <summary>The site "here" as other sites call it: the real endpoints that grant tokens and let sites in, over a database of the test. It knows "berlin" and "paris".</summary>
internal sealed class CalledSite : IAsyncDisposable
{
    public const string Name = "here";
    public const string Service = "the-registry";

    private readonly LabDirectory _directory = LabDirectory.Create("called-site");
    private readonly HttpClient _http = new();
    private WebApplication _app = null!;

    public Uri Url { get; private set; } = null!;

    public SiteKey Own { get; private set; } = null!;

    public StartHold Hold => _app.Services.GetRequiredService<StartHold>();

    public SigningKey Tokens { get; private set; } = null!;

    public static async Task<CalledSite> StartAsync(NpgsqlDataSource source, CancellationToken cancel, bool open = true)
    {
        var site = new CalledSite();
        var settings = site.Settings(Name) with { Role = "primary" };
        site.Own = SiteKey.Load(settings.SiteKeyFile!);
        site.Tokens = SigningKey.Create(site._directory.Root, "tokens");
        settings = settings with
        {
            Registry = new() { Url = new("https://registry.invalid"), Service = Service },
            Tokens = new() { Issuer = "lab", KeyFile = site.Tokens.KeyFile, CertificateFile = site.Tokens.CertificateFile },
        };
        var book = new SiteBook(source);
        foreach (var name in new[] { "berlin", "paris" })
            await book.JoinAsync(new(name, $"https://{name}.invalid", site.Key(name).PublicPem, true, false, "joined", null), cancel);
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        builder.Services.AddProblemDetails().AddSingleton(TimeProvider.System).AddSingleton(source).AddSingleton(settings)
            .AddSingleton<SiteBook>().AddSingleton<SiteStore>().AddSingleton<SiteCallGuard>().AddSingleton(new StartHold(false, TimeProvider.System)).AddSingleton<TermStore>()
            .AddSingleton<DivergentTags>().AddSingleton<TokenGrants>().AddSingleton<Invitations>().AddSingleton<SeenCalls>();
        var app = site._app = builder.Build();
        app.MapTokenGrants();
        app.MapJoin();
        await app.StartAsync(cancel);
        site.Url = new Uri(app.Urls.First());
        if (open)
            site.Hold.Open();
        return site;
    }

    /// <summary>The settings of a site with a key of its own, made when it is asked for first.</summary>
    public GeoSettings Settings(string name)
    {
        var file = _directory.PathOf($"{name}.key");
        if (!File.Exists(file))
        {
            using var made = SiteKey.Create();
            made.WritePrivate(file);
        }
        return new() { SiteName = name, Role = "secondary", Database = "", SiteKeyFile = file, SiteUrl = new($"https://{name}.invalid") };
    }

    public SiteKey Key(string name) => SiteKey.Load(Settings(name).SiteKeyFile!);

    public SiteClient Client(string name) => SiteClient.Of(Settings(name), TimeProvider.System)!;

    /// <summary>A call with any body, signed by a site, or by nobody.</summary>
    public Task<(int Status, JsonNode? Answer)> CallAsync(string? caller, string path, string body, CancellationToken cancel)
    {
        using var key = caller is null ? null : Key(caller);
        var token = key is null ? null : SiteToken.Create(key, caller!, Name, "POST", path, Encoding.UTF8.GetBytes(body), TimeProvider.System.GetUtcNow());
        return SendAsync(token, path, body, cancel);
    }

    /// <summary>A call as it stands.</summary>
    public async Task<(int Status, JsonNode? Answer)> SendAsync(string? token, string path, string body, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Url, path)) { Content = new StringContent(body) };
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        using var response = await _http.SendAsync(request, cancel);
        return ((int)response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync(cancel)));
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _app.DisposeAsync();
        Own.Dispose();
        Tokens.Dispose();
        await _directory.DisposeAsync();
    }
}
