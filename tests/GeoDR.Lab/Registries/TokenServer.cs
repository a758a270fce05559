using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace GeoDR.Lab;

/// <summary>
/// The token realm that a registry sends its clients to: basic credentials for a JWT that grants what was asked. It signs with a key
/// of its own under the same issuer as the sites, as a forge does for its users.
/// </summary>
public sealed class TokenServer : IAsyncDisposable
{
    private readonly WebApplication _application;
    private readonly SigningKey _key;
    private readonly ConcurrentDictionary<string, string> _users = new();
    private long _granted;

    private TokenServer(WebApplication application, SigningKey key, string issuer, int port)
    {
        _application = application;
        _key = key;
        Issuer = issuer;
        Realm = new Uri($"http://127.0.0.1:{port}/token");
    }

    public Uri Realm { get; }

    public string Issuer { get; }

    public TimeSpan Lifetime { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Tokens handed out so far.</summary>
    public long Granted => Interlocked.Read(ref _granted);

    public static async Task<TokenServer> StartAsync(SigningKey key, string issuer, BasicAuth user, int? port = null, CancellationToken cancellationToken = default)
    {
        var chosen = port ?? Ports.Free();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, chosen, l => l.Protocols = HttpProtocols.Http1));
        var server = new TokenServer(builder.Build(), key, issuer, chosen);
        server.AddUser(user);
        server._application.Run(server.AnswerAsync);
        await server._application.StartAsync(cancellationToken);
        return server;
    }

    public void AddUser(BasicAuth user) => _users[user.User] = user.Password;

    public void RemoveUser(string user) => _users.TryRemove(user, out _);

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _application.StopAsync(now.Token);
        await _application.DisposeAsync();
    }

    /// <summary><c>type:name:actions</c>, where the name may hold colons itself.</summary>
    internal static JsonArray Access(IEnumerable<string?> scopes)
    {
        var access = new JsonArray();
        foreach (var scope in scopes.SelectMany(s => (s ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries)))
        {
            var first = scope.IndexOf(':', StringComparison.Ordinal);
            var last = scope.LastIndexOf(':');
            if (first > 0 && last > first)
            {
                access.Add(new JsonObject
                {
                    ["type"] = scope[..first],
                    ["name"] = scope[(first + 1)..last],
                    ["actions"] = new JsonArray([.. scope[(last + 1)..].Split(',').Select(a => JsonValue.Create(a))]),
                });
            }
        }

        return access;
    }

    private async Task AnswerAsync(HttpContext context)
    {
        if (context.Request.Path != "/token")
        {
            context.Response.StatusCode = 404;
            return;
        }

        var isForm = HttpMethods.IsPost(context.Request.Method);
        var form = isForm ? await context.Request.ReadFormAsync(context.RequestAborted) : FormCollection.Empty;
        var (user, password) = isForm && form["grant_type"] == "password"
            ? (form["username"].ToString(), form["password"].ToString())
            : Basic(context.Request.Headers.Authorization.ToString());
        if (isForm && form["grant_type"] == "refresh_token")
        {
            // A refresh token of this realm is the credentials themselves.
            (user, password) = Basic("Basic " + form["refresh_token"]);
        }

        if (!_users.TryGetValue(user, out var expected) || expected != password)
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = "Basic realm=\"lab\"";
            return;
        }

        var asked = isForm ? form["scope"] : context.Request.Query["scope"];
        var service = (isForm ? form["service"] : context.Request.Query["service"]).ToString();
        var token = _key.SignRegistryToken(Issuer, service, user, Access(asked), Lifetime);
        Interlocked.Increment(ref _granted);
        var answer = new JsonObject
        {
            ["token"] = token,
            ["access_token"] = token,
            ["expires_in"] = (int)Lifetime.TotalSeconds,
            ["issued_at"] = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ssZ"),
        };
        if (isForm)
        {
            answer["refresh_token"] = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));
        }

        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(answer.ToJsonString(), context.RequestAborted);
    }

    private static (string User, string Password) Basic(string header)
    {
        if (!header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
        {
            return ("", "");
        }

        var parts = Encoding.UTF8.GetString(Convert.FromBase64String(header[6..])).Split(':', 2);
        return (parts[0], parts.ElementAtOrDefault(1) ?? "");
    }
}
