using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using GeoDR.Core.Tests.Postgres;
using GeoDR.Core.Tests.Sites;
using GeoDR.Failover;
using GeoDR.Sites;
using GeoDR.Tokens;
using Microsoft.AspNetCore.Http;

namespace GeoDR.Core.Tests.Failover;

/// <summary><c>POST /api/v1/sites/join</c>, from both sides.</summary>
public sealed class JoinTests(PostgresFixture postgres) : DatabaseTest(postgres, "primary")
{
    private const string Name = "oslo";

    private CalledSite _here = null!;
    private TestDatabase _there = null!;
    private Invitation _invitation = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _there = await Postgres.CreateAsync();
        _here = await CalledSite.StartAsync(Database.Source, Stop);
        await new RoleChange(Database.Source, TimeProvider.System).BeginAsync(_here.Own, Stop);
        var (made, until) = await new Invitations(Database.Source).NewAsync(Name, true, "anna", Stop);
        _invitation = new(made.Id, Name, CalledSite.Name, _here.Url.AbsoluteUri.TrimEnd('/'), _here.Own.PublicPem, made.Secret, until);
    }

    public override async ValueTask DisposeAsync()
    {
        await _here.DisposeAsync();
        await _there.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task Join_MakesBothKnown_WithTheOthersAndTheTerm()
    {
        await JoinAsync(_invitation);
        using var key = _here.Key(Name);
        var there = new SiteBook(_there.Source);
        Assert.Equal(new KnownSite(Name, "https://oslo.invalid", key.PublicPem, true, false, "joined", null), await new SiteBook(Database.Source).FindAsync(Name, Stop));
        Assert.Equal((_here.Own.PublicPem, "joined"), ((await there.FindAsync(CalledSite.Name, Stop))!.PublicKey, (await there.FindAsync(CalledSite.Name, Stop))!.Source));
        Assert.Equal("told", (await there.FindAsync("paris", Stop))!.Source);
        Assert.Null(await there.FindAsync(Name, Stop));
        Assert.Equal(await Database.ScalarAsync<Guid>("select term from site"), await _there.ScalarAsync<Guid>("select promotion from term"));
        // An answer that was lost is asked for again.
        await JoinAsync(_invitation);
    }

    [Fact]
    public async Task Answer_ThatThePinnedKeyDidNotSign_IsNotTaken()
    {
        using var other = SiteKey.Create();
        await Assert.ThrowsAsync<UntrustedAnswerException>(() => JoinAsync(_invitation with { PublicKey = other.PublicPem }));
        Assert.Null(await new SiteBook(_there.Source).FindAsync(CalledSite.Name, Stop));
        foreach (var answer in new[] { "{}", "{\"body\":null,\"signature\":null}", "{\"body\":\"{}\",\"signature\":\"a.b.c\"}" })
        {
            await using var impostor = await LogHost.StartAsync(http => http.Response.WriteAsync(answer));
            await Assert.ThrowsAsync<UntrustedAnswerException>(() => JoinAsync(_invitation with { Url = impostor.Url.AbsoluteUri }));
        }
    }

    [Fact]
    public async Task Call_WithoutTheSecretOrForAnotherName_IsRefused()
    {
        await Assert.ThrowsAsync<HttpRequestException>(() => JoinAsync(_invitation with { Secret = new byte[32] }));
        await Assert.ThrowsAsync<HttpRequestException>(() => JoinAsync(_invitation with { Id = Guid.NewGuid() }));
        await Assert.ThrowsAsync<HttpRequestException>(() => JoinAsync(_invitation, "berlin"));
        Assert.Null(await new SiteBook(Database.Source).FindAsync(Name, Stop));
    }

    [Fact]
    public async Task Call_MadeAgainAsItWas_IsRefused()
    {
        var (token, body) = Call(Request());
        Assert.Equal(200, (await _here.SendAsync(token, JoinCall.Path, body, Stop)).Status);
        Assert.Equal(401, (await _here.SendAsync(token, JoinCall.Path, body, Stop)).Status);
    }

    [Fact]
    public async Task Call_AtASiteThatIsNoPrimary_UsesNothingUp()
    {
        await Database.ExecuteAsync("update site set role = 'secondary'");
        var (token, body) = Call(Request());
        Assert.Equal(409, (await _here.SendAsync(token, JoinCall.Path, body, Stop)).Status);
        await Database.ExecuteAsync("update site set role = 'primary'");
        Assert.Equal(200, (await _here.SendAsync(token, JoinCall.Path, body, Stop)).Status);
    }

    [Theory]
    [InlineData("publicKey", "no key")]
    [InlineData("publicKey", "")]
    [InlineData("publicKey", null)]
    [InlineData("url", "file:///etc/passwd")]
    [InlineData("url", "https://user:secret@oslo.invalid")]
    [InlineData("url", "oslo")]
    [InlineData("url", "https://oslo.invalid/?a=b")]
    [InlineData("registryUrl", "ftp://oslo.invalid")]
    [InlineData("invitation", "no uuid")]
    public async Task Request_WithWhatCannotBe_IsNotUnderstood(string member, string? value)
    {
        var request = Request();
        request[member] = value;
        var (token, body) = Call(request);
        Assert.Equal(400, (await _here.SendAsync(token, JoinCall.Path, body, Stop)).Status);
        Assert.Null(await new SiteBook(Database.Source).FindAsync(Name, Stop));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"body\":\"{}\"}")]
    [InlineData("{\"body\":{},\"mac\":\"\"}")]
    [InlineData("{\"body\":\"null\",\"mac\":\"\"}")]
    [InlineData("{\"body\":\"\\ud800\",\"mac\":\"\"}")]
    public async Task Body_ThatIsNoCall_IsNotUnderstood(string body) => Assert.Equal(400, (await _here.SendAsync(null, JoinCall.Path, body, Stop)).Status);

    [Fact]
    public async Task Call_UnsignedOrSignedByAnotherKey_IsRefused()
    {
        var (_, body) = Call(Request());
        Assert.Equal(401, (await _here.SendAsync(null, JoinCall.Path, body, Stop)).Status);
        using var other = SiteKey.Create();
        var token = SiteToken.Create(other, Name, CalledSite.Name, "POST", JoinCall.Path, Encoding.UTF8.GetBytes(body), TimeProvider.System.GetUtcNow());
        Assert.Equal(401, (await _here.SendAsync(token, JoinCall.Path, body, Stop)).Status);
        Assert.Equal(413, (await _here.SendAsync(null, JoinCall.Path, new string(' ', 2_000_000), Stop)).Status);
    }

    private async Task JoinAsync(Invitation invitation, string name = Name)
    {
        using var key = _here.Key(name);
        using var client = _here.Client(name);
        var book = new SiteBook(_there.Source);
        await Joining.JoinAsync(invitation, _here.Settings(name), key, client, book, new TermStore(_there.Source, book), TimeProvider.System, Stop);
    }

    private JsonObject Request()
    {
        using var key = _here.Key(Name);
        return JsonSerializer.SerializeToNode(new JoinRequest(_invitation.Id, key.PublicPem, null, null), JoinCall.Json)!.AsObject();
    }

    private (string Token, string Body) Call(JsonObject request)
    {
        var text = request.ToJsonString();
        var body = JsonSerializer.Serialize(new JoinCall(text, Invitation.Mac(_invitation.Secret, text)), JoinCall.Json);
        using var key = _here.Key(Name);
        return (SiteToken.Create(key, Name, CalledSite.Name, "POST", JoinCall.Path, Encoding.UTF8.GetBytes(body), TimeProvider.System.GetUtcNow()), body);
    }
}
