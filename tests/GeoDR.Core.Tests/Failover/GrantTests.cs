using System.IdentityModel.Tokens.Jwt;
using System.Net;
using System.Text.Json.Nodes;
using GeoDR.Core.Tests.Postgres;
using GeoDR.Failover;
using GeoDR.Registry;
using GeoDR.Sites;
using GeoDR.Tokens;

namespace GeoDR.Core.Tests.Failover;

/// <summary><c>POST /token</c>: what a site is granted, and all that it is not.</summary>
public sealed class GrantTests(PostgresFixture postgres) : DatabaseTest(postgres, "primary")
{
    private CalledSite _here = null!;
    private Guid _term;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _here = await CalledSite.StartAsync(Database.Source, Stop);
        await new RoleChange(Database.Source, TimeProvider.System).BeginAsync(_here.Own, Stop);
        _term = await Database.ScalarAsync<Guid>("select term from site");
    }

    public override async ValueTask DisposeAsync()
    {
        await _here.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task Grant_IsForOneRepositoryAndItsPullAlone()
    {
        var (status, answer) = await AskAsync("paris", "app/web");
        Assert.Equal((200, 300), (status, (int)answer!["expires_in"]!));
        var payload = new JwtSecurityTokenHandler().ReadJwtToken((string)answer["token"]!).Payload;
        Assert.Equal(("lab", "geodr-paris", CalledSite.Service), (payload.Iss, payload.Sub, (string)payload["aud"]));
        var access = JsonNode.Parse(payload["access"].ToString()!)!;
        Assert.Equal("""[{"type":"repository","name":"app/web","actions":["pull"]}]""", access.ToJsonString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"repository\":\"app/web\"}")]
    [InlineData("{\"promotion\":null}")]
    [InlineData("{\"repository\":null,\"promotion\":TERM}")]
    [InlineData("{\"repository\":\"\",\"promotion\":TERM}")]
    [InlineData("{\"repository\":\"App/Web\",\"promotion\":TERM}")]
    [InlineData("{\"repository\":\"app/web:pull,push\",\"promotion\":TERM}")]
    [InlineData("{\"repository\":\"../catalog\",\"promotion\":TERM}")]
    [InlineData("{\"repository\":\"a\\u0000b\",\"promotion\":TERM}")]
    [InlineData("{\"repository\":\"\\ud800\",\"promotion\":TERM}")]
    [InlineData("{\"repository\":[\"a\",\"b\"],\"promotion\":TERM}")]
    [InlineData("{\"repository\":\"a\",\"repository\":\"b\",\"promotion\":TERM}")]
    [InlineData("{\"repository\":\"a\",\"Repository\":\"b\",\"promotion\":TERM}")]
    [InlineData("{\"repository\":\"a\",\"promotion\":TERM,\"actions\":[\"push\"]}")]
    [InlineData("{\"repository\":\"a\",\"promotion\":TERM,\"scope\":\"registry:catalog:*\"}")]
    [InlineData("{\"repository\":\"a\",\"promotion\":\"newest\"}")]
    [InlineData("{\"repository\":\"a\",\"promotion\":TERM} {}")]
    public async Task Call_ForAnythingElse_IsNotUnderstood(string body)
    {
        var (status, answer) = await _here.CallAsync("paris", "/token", body.Replace("TERM", $"\"{_term}\"", StringComparison.Ordinal), Stop);
        Assert.Equal(400, status);
        Assert.Null(answer!["token"]);
    }

    [Fact]
    public async Task Caller_UnknownOrRevokedOrUnsigned_IsRefused()
    {
        Assert.Equal(401, (await AskAsync(null, "a")).Status);
        Assert.Equal(401, (await AskAsync("stranger", "a")).Status);
        Assert.Equal(401, (await _here.SendAsync("not.a.token", "/token", Body("a", _term), Stop)).Status);
        using var paris = _here.Key("paris");
        var forOther = SiteToken.Create(paris, "paris", CalledSite.Name, "POST", "/token", System.Text.Encoding.UTF8.GetBytes(Body("b", _term)), TimeProvider.System.GetUtcNow());
        Assert.Equal(401, (await _here.SendAsync(forOther, "/token", Body("a", _term), Stop)).Status);
        await new Revocation(Database.Source).RevokeAsync("paris", "anna", Stop);
        Assert.Equal(401, (await AskAsync("paris", "a")).Status);
        Assert.Equal(200, (await AskAsync("berlin", "a")).Status);
    }

    [Fact]
    public async Task Term_OtherThanThePrimarys_IsRefusedAndNamed()
    {
        foreach (var other in new Guid?[] { null, Guid.Empty, Guid.NewGuid() })
        {
            var (status, answer) = await _here.CallAsync("paris", "/token", Body("a", other), Stop);
            Assert.Equal(409, status);
            Assert.Contains(_term.ToString(), (string)answer!["detail"]!, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Primary_ThatIsFencedOrHasJustStarted_GrantsNothing()
    {
        await using (var started = await CalledSite.StartAsync(Database.Source, Stop, open: false))
        {
            Assert.Equal(503, (await started.CallAsync("paris", "/token", Body("a", _term), Stop)).Status);
            started.Hold.Open();
            Assert.Equal(200, (await started.CallAsync("paris", "/token", Body("a", _term), Stop)).Status);
        }
        // The other start made new keys for the same names.
        Assert.Equal(401, (await AskAsync("paris", "a")).Status);
        await new SiteBook(Database.Source).JoinAsync(new("paris", null, _here.Key("paris").PublicPem, true, false, "joined", null), Stop);
        Assert.Equal(200, (await AskAsync("paris", "a")).Status);
        await Database.ExecuteAsync($"insert into term (promotion, epoch, site, signed) values ('{Guid.NewGuid()}', 1, 'berlin', '')");
        Assert.Equal(409, (await AskAsync("paris", "a")).Status);
    }

    [Fact]
    public async Task Secondary_GrantsToItsPrimaryAlone_WhatItOffers()
    {
        var promotion = Guid.NewGuid();
        await Database.ExecuteAsync($"insert into term (promotion, epoch, site, signed) values ('{promotion}', 2, 'berlin', '')");
        await new RoleChange(Database.Source, TimeProvider.System).FollowAsync("berlin", promotion, "test", Stop);
        await Database.ExecuteAsync("""
            insert into divergent_tag (site, repository, tag, digest, done_at) values
                ('here', 'open', 't', 'd', null), ('here', 'done', 't', 'd', now()), ('paris', 'theirs', 't', 'd', null)
            """);
        Assert.Equal(200, (await _here.CallAsync("berlin", "/token", Body("open", promotion), Stop)).Status);
        Assert.Equal(403, (await _here.CallAsync("berlin", "/token", Body("done", promotion), Stop)).Status);
        Assert.Equal(403, (await _here.CallAsync("berlin", "/token", Body("theirs", promotion), Stop)).Status);
        Assert.Equal(409, (await _here.CallAsync("berlin", "/token", Body("open", _term), Stop)).Status);
        Assert.Equal(409, (await _here.CallAsync("paris", "/token", Body("open", promotion), Stop)).Status);
    }

    [Fact]
    public async Task GrantedTokens_AreKept_AndSayWhoseFailureItIs()
    {
        await using var database = await Postgres.CreateAsync();
        var sites = new SiteStore(database.Source);
        using var client = _here.Client("paris");
        var tokens = new GrantedTokens(client, new(CalledSite.Name, _here.Url), "primary registry", sites, TimeProvider.System);
        Scope[] pull = [new("app/web", false)];

        // Another term: it passes, and concerns every repository.
        var early = await Assert.ThrowsAsync<RegistryException>(() => tokens.GetAsync(pull, false, Stop).AsTask());
        Assert.True(early is { IsUnreachable: true, IsOfIssuer: true }, early.Message);
        await database.ExecuteAsync($"insert into term (promotion, epoch, site, signed) values ('{_term}', 1, 'here', ''); update site set term = '{_term}'");
        var first = await tokens.GetAsync(pull, false, Stop);
        Assert.Same(first, await tokens.GetAsync(pull, false, Stop));
        Assert.NotEqual(first!.Parameter, (await tokens.GetAsync(pull, true, Stop))!.Parameter);

        foreach (var scopes in new Scope[][] { [Scope.Catalog], [new("a", true)], [new("a", false) { Delete = true }], [new("a", false), new("b", false)], [] })
        {
            var other = await Assert.ThrowsAsync<RegistryException>(() => tokens.GetAsync(scopes, false, Stop).AsTask());
            Assert.Equal((HttpStatusCode.Forbidden, false), (other.Status, other.IsOfIssuer));
        }
        await new Revocation(Database.Source).RevokeAsync("paris", "anna", Stop);
        var revoked = await Assert.ThrowsAsync<RegistryException>(() => tokens.GetAsync(pull, true, Stop).AsTask());
        Assert.True(revoked is { IsRefused: true, IsOfIssuer: true }, revoked.Message);
    }

    private Task<(int Status, JsonNode? Answer)> AskAsync(string? caller, string repository) => _here.CallAsync(caller, "/token", Body(repository, _term), Stop);

    private static string Body(string repository, Guid? promotion) => $$"""{"repository":"{{repository}}","promotion":{{(promotion is { } p ? $"\"{p}\"" : "null")}}}""";
}
