using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using GeoDR.Core.Tests.EventLog;
using GeoDR.Core.Tests.Postgres;
using GeoDR.EventLog;
using GeoDR.Lab;
using GeoDR.Tokens;

namespace GeoDR.Core.Tests.Sites;

/// <summary><c>GET /api/v1/log</c>, as any other program would call it.</summary>
public sealed class LogApiTests(PostgresFixture postgres) : DatabaseTest(postgres, "primary")
{
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(15);

    private readonly HttpClient _http = new();
    private LogHost _host = null!;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await new LogAppender(Database.Source).EnsureLogAsync(Stop);
        await AppendAsync(3);
        _host = await LogHost.StartAsync(Database.Source);
    }

    public override async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _host.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task Log_AfterAnEvent_BeginsWithThatOne()
    {
        var answer = JsonNode.Parse(await (await CallAsync("?after=2&limit=10")).Content.ReadAsStringAsync(Stop))!;
        Assert.Equal([2L, 3L], answer["events"]!.AsArray().Select(e => (long)e!["id"]!));
        Assert.Equal((1, 3L, 0L), ((int)answer["version"]!, (long)answer["log"]!["head"]!, (long)answer["log"]!["floor"]!));
        Assert.Equal(await Database.ScalarAsync<Guid>("select id from log"), (Guid)answer["log"]!["id"]!);
        var first = answer["events"]![0]!;
        Assert.Equal(("push", "a", "t1", Events.Digest, 100L), ((string)first["kind"]!, (string)first["repository"]!, (string)first["tag"]!, (string)first["digest"]!, (long)first["bytes"]!));
        Assert.Equal(await Database.ScalarAsync<long>("select key from event where id = 2"), (long)first["key"]!);
    }

    [Fact]
    public async Task Log_OfASiteWithoutOne_IsNull()
    {
        await Database.ExecuteAsync("delete from log");
        Assert.Null(await _host.Reader().ReadAsync(0, 10, TimeSpan.FromSeconds(20), Stop).WaitAsync(s_soon, Stop));
        Assert.Null(await _host.Reader().HeadAsync(Stop));
    }

    [Theory]
    [InlineData("?limit=0")]
    [InlineData("?limit=1001")]
    [InlineData("?limit=-1")]
    [InlineData("?limit=many")]
    [InlineData("?limit=99999999999999999999")]
    [InlineData("?wait=26")]
    [InlineData("?wait=-1")]
    [InlineData("?wait=0.5")]
    [InlineData("?after=-1")]
    [InlineData("?after=1;drop table event")]
    [InlineData("?before=-1")]
    [InlineData("?before=315360001")]
    [InlineData("?before=60&after=1")]
    public async Task Log_NumbersThatCannotBe_Are400(string query) => Assert.Equal(HttpStatusCode.BadRequest, (await CallAsync(query)).StatusCode);

    [Fact]
    public async Task Log_CallThatIsNotSignedByAKnownSite_IsRefused()
    {
        using var known = SiteKey.Load(_host.KeyFile);
        using var stranger = SiteKey.Create();
        string?[] tokens =
        [
            null, "", "a.b.c", new string('x', 20_000),
            Token(stranger, LogHost.Caller, LogHost.Name), Token(known, "nobody", LogHost.Name), Token(known, LogHost.Caller, "elsewhere"),
            SiteToken.Create(known, LogHost.Caller, LogHost.Name, "GET", "/api/v1/inventory", [], TimeProvider.System.GetUtcNow()),
            SiteToken.Create(known, LogHost.Caller, LogHost.Name, "POST", "/api/v1/log", [], TimeProvider.System.GetUtcNow()),
            SiteToken.Create(known, LogHost.Caller, LogHost.Name, "GET", "/api/v1/log", [1], TimeProvider.System.GetUtcNow()),
            SiteToken.Create(known, LogHost.Caller, LogHost.Name, "GET", "/api/v1/log", [], TimeProvider.System.GetUtcNow().AddMinutes(-5)),
        ];
        foreach (var token in tokens)
        {
            var answer = await CallAsync("?after=0", token);
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
            Assert.DoesNotContain("events", await answer.Content.ReadAsStringAsync(Stop), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Log_BodyWithoutAnEnd_IsRefusedAtItsBound()
    {
        // More than the bound, in chunks of which the last never comes, and no length.
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, _host.Url.Port, Stop);
        await using var stream = socket.GetStream();
        await stream.WriteAsync("GET /api/v1/log HTTP/1.1\r\nHost: berlin\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray(), Stop);
        for (var sent = 0; sent < 20; sent++)
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"10000\r\n{new string('x', 0x10000)}\r\n"), Stop);
        var status = new byte[12];
        await stream.ReadExactlyAsync(status, Stop).AsTask().WaitAsync(s_soon, Stop);
        Assert.Equal("HTTP/1.1 413", Encoding.ASCII.GetString(status));
    }

    [Fact]
    public async Task Polls_Many_ShareOneListenAndAllEndWithNews()
    {
        var reader = _host.Reader();
        var polls = Enumerable.Range(0, 20).Select(_ => reader.ReadAsync(3, 10, TimeSpan.FromSeconds(25), Stop)).ToList();
        await UnderWayAsync(20);
        Assert.Equal(1L, await Database.ScalarAsync<long>("select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen%'"));
        await AppendAsync(1);
        foreach (var page in await Task.WhenAll(polls).WaitAsync(s_soon, Stop))
            Assert.Equal([3L, 4L], page!.Events.Select(e => e.Id));
    }

    [Fact]
    public async Task Poll_WhoseListenBroke_StillEndsWithNews()
    {
        var poll = _host.Reader().ReadAsync(3, 10, TimeSpan.FromSeconds(25), Stop);
        await UnderWayAsync(1);
        await Database.ExecuteAsync("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query ilike 'listen%'");
        await AppendAsync(1);
        Assert.Equal([3L, 4L], (await poll.WaitAsync(s_soon, Stop))!.Events.Select(e => e.Id));
    }

    [Fact]
    public async Task Poll_AfterAnEventThatIsGone_EndsAtOnce()
    {
        await Database.ExecuteAsync("delete from event where id = 3");
        Assert.Empty((await _host.Reader().ReadAsync(3, 10, TimeSpan.FromSeconds(25), Stop).WaitAsync(s_soon, Stop))!.Events);
    }

    [Fact]
    public async Task Poll_WhoseCallerWentAway_Ends()
    {
        using var away = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var poll = _host.Reader().ReadAsync(3, 10, TimeSpan.FromSeconds(25), away.Token);
        await UnderWayAsync(1);
        await away.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => poll);
        await UnderWayAsync(0);
    }

    [Fact]
    public async Task Poll_OfASiteThatStops_IsAnsweredAndDoesNotHoldTheStop()
    {
        var poll = _host.Reader().ReadAsync(3, 10, TimeSpan.FromSeconds(25), Stop);
        await UnderWayAsync(1);
        await _host.StopAsync().WaitAsync(s_soon, Stop);
        Assert.Equal([3L], (await poll)!.Events.Select(e => e.Id));
    }

    [Fact]
    public async Task Log_WhoseDatabaseDoesNotAnswer_Is503()
    {
        await Database.ExecuteAsync("alter table event rename to hidden; drop view geo_log_v1");
        var answer = await CallAsync("?after=0");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
    }

    private Task AppendAsync(int events) => new LogAppender(Database.Source).AppendAsync(Events.Many("a", events), [], Stop);

    private Task UnderWayAsync(int calls) => Wait.UntilAsync(_ => Task.FromResult(_host.Calls == calls), s_soon, () => $"{_host.Calls} calls are under way", Stop);

    private static string Token(SiteKey key, string from, string to) =>
        SiteToken.Create(key, from, to, "GET", "/api/v1/log", [], TimeProvider.System.GetUtcNow());

    private async Task<HttpResponseMessage> CallAsync(string query)
    {
        using var key = SiteKey.Load(_host.KeyFile);
        return await CallAsync(query, Token(key, LogHost.Caller, LogHost.Name));
    }

    private Task<HttpResponseMessage> CallAsync(string query, string? token)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_host.Url, "/api/v1/log" + query));
        if (token is not null)
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {token}");
        return _http.SendAsync(request, Stop);
    }
}
