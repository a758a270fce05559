using GeoDR.Lab.Registries;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;

// Not GeoDR.Core.Tests.Lab: that has a helper named LabRegistry too, which would hide the registry itself.
namespace GeoDR.Core.Tests.LabRegistries;

public sealed class LabRegistryAuthTests : IAsyncLifetime
{
    const string Service = "lab-registry";
    const string Issuer = "geodr";

    static readonly LabUser Reader = new("reader", "secret") { May = (_, _, action) => action == "pull" };
    static readonly LabUser Admin = new("admin", "secret");

    readonly SettableClock _clock = new();
    LabRegistry _registry = null!;
    RegistryCalls _calls = null!;

    public async ValueTask InitializeAsync()
    {
        _registry = await LabRegistry.StartAsync(new() { Time = _clock });
        _registry.Seed("app/one", "v1", LabImage.Create("auth", 10));
        _calls = new RegistryCalls(_registry.Url);
    }

    public async ValueTask DisposeAsync()
    {
        _calls.Dispose();
        await _registry.DisposeAsync();
    }

    [Fact]
    public async Task Basic_ByUser_AdmitsChallengesOrDenies()
    {
        _registry.Switches.Auth = new LabBasicAuth(Reader);
        var reader = RegistryCalls.Basic("reader", "secret");
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(HttpMethod.Get, "v2/", null));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(HttpMethod.Get, "v2/", RegistryCalls.Basic("reader", "wrong")));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(HttpMethod.Get, "v2/app/one/tags/list", reader));
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(HttpMethod.Post, "v2/app/one/blobs/uploads/", reader));
        _registry.Switches.DeniedIsNotFound = true;
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(HttpMethod.Post, "v2/app/one/blobs/uploads/", reader));
    }

    [Fact]
    public async Task TokenService_FollowingTheChallenge_GrantsWhatTheUserMay()
    {
        _registry.Switches.Auth = new LabTokenServiceAuth(Reader, Admin);
        using var challenged = await _calls.SendAsync(HttpMethod.Post, "v2/app/one/blobs/uploads/");
        var parameters = challenged.Headers.WwwAuthenticate.Single().Parameter!;
        Assert.Equal($"realm=\"{_registry.Url}token\",service=\"lab-registry\",scope=\"repository:app/one:pull,push\"", parameters);

        var reader = await TokenAsync("reader", "repository:app/one:pull,push");
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(HttpMethod.Get, "v2/app/one/tags/list", reader));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(HttpMethod.Post, "v2/app/one/blobs/uploads/", reader));
        var admin = await TokenAsync("admin", "repository:app/one:pull,push");
        Assert.Equal(HttpStatusCode.Accepted, await StatusAsync(HttpMethod.Post, "v2/app/one/blobs/uploads/", admin));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(HttpMethod.Get, "v2/app/two/tags/list", admin));
        Assert.Contains(_registry.Requests.Recent, r => r is { Method: "POST", Status: 202, Actor: "admin" }
            && r.Scopes.SequenceEqual(["repository:app/one:pull,push"]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Jwt_OfTheTrustedSigner_IsHeldToItsClaims(bool rsa)
    {
        using var signer = rsa ? LabTokenSigner.Rsa(_clock) : LabTokenSigner.Ecdsa(_clock);
        using var stranger = LabTokenSigner.Ecdsa(_clock);
        _registry.Switches.Auth = new LabJwtAuth("https://realm.example/token", Service, Issuer, signer.Certificate);
        var pull = TokenAccess.Repository("app/one", "pull");

        Assert.Equal(HttpStatusCode.OK, await TagsAsync(Sign(signer, pull)));
        Assert.Equal(HttpStatusCode.Unauthorized, await TagsAsync(Sign(stranger, pull)));
        Assert.Equal(HttpStatusCode.Unauthorized, await TagsAsync(Sign(signer, TokenAccess.Repository("app/two", "pull"))));
        Assert.Equal(HttpStatusCode.Unauthorized, await TagsAsync(Sign(signer, pull, (_, c) => c["iss"] = "other")));
        Assert.Equal(HttpStatusCode.Unauthorized, await TagsAsync(Sign(signer, pull, (_, c) => c["aud"] = new JsonArray(Service))));
        Assert.Equal(HttpStatusCode.Unauthorized, await TagsAsync(Sign(signer, pull, (h, _) => h["alg"] = "none")));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(HttpMethod.Get, "v2/_catalog", Sign(signer, pull)));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(HttpMethod.Get, "v2/_catalog", Sign(signer, TokenAccess.Catalog)));
    }

    [Fact]
    public async Task Jwt_Expired_IsRefusedAtTheNextRequest()
    {
        using var signer = LabTokenSigner.Ecdsa(_clock);
        _registry.Switches.Auth = new LabJwtAuth("https://realm.example/token", Service, Issuer, signer.Certificate);
        var token = Sign(signer, TokenAccess.Repository("app/one", "pull"));
        Assert.Equal(HttpStatusCode.OK, await TagsAsync(token));
        // One minute of life, and Distribution's leeway of another.
        _clock.Now += TimeSpan.FromSeconds(119);
        Assert.Equal(HttpStatusCode.OK, await TagsAsync(token));
        _clock.Now += TimeSpan.FromSeconds(1);
        Assert.Equal(HttpStatusCode.Unauthorized, await TagsAsync(token));
    }

    AuthenticationHeaderValue Sign(LabTokenSigner signer, TokenAccess access, Action<JsonObject, JsonObject>? change = null) =>
        new("Bearer", signer.Sign(Issuer, Service, "sub", _clock.Now, TimeSpan.FromMinutes(1), [access], change));

    Task<HttpStatusCode> TagsAsync(AuthenticationHeaderValue authorization) => StatusAsync(HttpMethod.Get, "v2/app/one/tags/list", authorization);

    async Task<AuthenticationHeaderValue> TokenAsync(string user, string scope)
    {
        using var answer = await _calls.SendAsync(HttpMethod.Get, $"token?service=lab-registry&scope={scope}",
            r => r.Headers.Authorization = RegistryCalls.Basic(user, "secret"));
        return new("Bearer", (string?)JsonNode.Parse(await answer.Content.ReadAsStringAsync(RegistryCalls.Cancel))!["token"]);
    }

    async Task<HttpStatusCode> StatusAsync(HttpMethod method, string path, AuthenticationHeaderValue? authorization)
    {
        using var answer = await _calls.SendAsync(method, path, r => r.Headers.Authorization = authorization);
        return answer.StatusCode;
    }
}
