using System.Security.Cryptography.X509Certificates;
using GeoDR.EventLog;
using GeoDR.Lab;
using Microsoft.AspNetCore.Http;

namespace GeoDR.Core.Tests.Sites;

/// <summary>The reader against what may answer where a primary was expected: nothing is ever taken in part.</summary>
public sealed class HttpLogReaderTests
{
    private const string Log = """ "version":1,"log":{"id":"6b0e4e0e-9f4b-4e54-8f0c-3b6a8c3f0a11","floor":0,"head":9,"beat":1},"waited":0,"position":null """;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Read_WhatAPrimaryAnswers_IsTaken()
    {
        await using var host = await AnswerAsync(Page($"{Event(3)},{Event(7, kind: "rename", more: ",\"added\":{\"later\":[1]}")}"));
        var page = await host.Reader().ReadAsync(3, 2, TimeSpan.Zero, Stop);
        Assert.Equal([3L, 7L], page!.Events.Select(e => e.Id));
        Assert.Equal((9L, TimeSpan.FromSeconds(1)), (page.Log.Head, page.Log.BeatAge));
    }

    public static TheoryData<string, string> Hostile => new()
    {
        { "", "is not understood" },
        { "null", "is not understood" },
        { "[]", "is not understood" },
        { "{}", "is not understood" },
        { "<html>Welcome to nginx</html>", "is not understood" },
        { """{"version":"1"}""", "is not understood" },
        { Page(Event(3))[..^20], "is not understood" },
        { Page("null"), "an event that is null" },
        { Page(Event(3).Replace("\"key\":5,", "", StringComparison.Ordinal)), "is not understood" },
        { Page(Event(3).Replace("\"repository\":\"a/b\"", "\"repository\":null", StringComparison.Ordinal)), "is not understood" },
        { Page(Event(3).Replace("\"bytes\":1", "\"bytes\":99999999999999999999", StringComparison.Ordinal)), "is not understood" },
        { Page(Event(2)), "the event 2 behind 2" },
        { Page($"{Event(4)},{Event(4)}"), "the event 4 behind 4" },
        { Page($"{Event(5)},{Event(4)}"), "the event 4 behind 5" },
        { Page($"{Event(3)},{Event(4)},{Event(5)}"), "3 events where 2" },
        { Page(Event(10)), "a log that cannot be" },
        { Page(Event(3, repository: "../etc")), "names no repository" },
        { Page(Event(3, repository: "A")), "names no repository" },
        { Page(Event(3, tag: "\"-x\"")), "names no tag" },
        { Page(Event(3, digest: "\"sha256:abc\"")), "names no digest" },
        { Page(Event(3, tag: "null", digest: "null")), "neither" },
        { Page(Event(3, kind: new string('k', 100))), "of a kind that cannot be" },
        { Page(Event(3, kind: "a\\u0000b")), "of a kind that cannot be" },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public async Task Read_WhatNoPrimaryAnswers_IsRefusedWhole(string body, string why)
    {
        await using var host = await AnswerAsync(body);
        var e = await Assert.ThrowsAsync<HttpRequestException>(() => host.Reader().ReadAsync(3, 2, TimeSpan.Zero, Stop));
        Assert.Contains(why, e.Message, StringComparison.Ordinal);
        Assert.Contains(host.Url.Authority, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_FieldsOfANewerProgram_AreLeftAlone()
    {
        await using var host = await AnswerAsync(Page(Event(3)).Replace("\"age\":1", "\"age\":1,\"later\":[{}]", StringComparison.Ordinal)
            .Replace("\"waited\":0", "\"waited\":0,\"later\":{\"version\":9}", StringComparison.Ordinal));
        Assert.Equal(3, Assert.Single((await host.Reader().ReadAsync(3, 2, TimeSpan.Zero, Stop))!.Events).Id);
    }

    [Theory]
    [InlineData("""{"version":2}""")]
    [InlineData("""{"version":2,"events":"in another form","log":7}""")]
    public async Task Read_AnotherVersion_StopsWithItsNumber(string body)
    {
        await using var host = await AnswerAsync(body);
        var e = await Assert.ThrowsAsync<UnknownLogVersionException>(() => host.Reader().ReadAsync(3, 2, TimeSpan.Zero, Stop));
        Assert.Contains("version 2", e.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<UnknownLogVersionException>(() => host.Reader().HeadAsync(Stop));
    }

    [Fact]
    public async Task Read_TimesThatCannotBe_AreHeldWithinWhatIsKnownHere()
    {
        await using var host = await AnswerAsync(Page(Event(3).Replace("\"age\":1", "\"age\":-5", StringComparison.Ordinal)).Replace("\"waited\":0", "\"waited\":1e300", StringComparison.Ordinal));
        var page = await host.Reader().ReadAsync(3, 2, TimeSpan.Zero, Stop);
        Assert.InRange(page!.Waited, TimeSpan.Zero, TimeSpan.FromSeconds(60));
        Assert.Equal(TimeSpan.Zero, page.Events[0].Age);
    }

    [Theory]
    [InlineData(401, """{"detail":"The call's token was refused: WrongTime."}""", "answered 401: The call's token was refused: WrongTime.")]
    [InlineData(404, "<html>", "answered 404")]
    [InlineData(302, "", "answered 302")]
    [InlineData(500, "[1]", "answered 500")]
    public async Task Read_Refused_SaysTheStatusAndTheReason(int status, string body, string why)
    {
        await using var host = await LogHost.StartAsync(http =>
        {
            http.Response.StatusCode = status;
            http.Response.Headers.Location = "http://127.0.0.1:9/";
            return http.Response.WriteAsync(body);
        });
        var e = await Assert.ThrowsAsync<HttpRequestException>(() => host.Reader().ReadAsync(3, 2, TimeSpan.Zero, Stop));
        Assert.Contains(why, e.Message, StringComparison.Ordinal);
        Assert.Equal(status, (int?)e.StatusCode);
    }

    [Fact]
    public async Task Read_AnswerWithoutAnEnd_IsCutAtItsBound()
    {
        await using var host = await LogHost.StartAsync(async http =>
        {
            var bytes = new byte[64 * 1024];
            Array.Fill(bytes, (byte)' ');
            while (!http.RequestAborted.IsCancellationRequested)
                await http.Response.Body.WriteAsync(bytes, http.RequestAborted);
        });
        var e = await Assert.ThrowsAsync<HttpRequestException>(() => host.Reader().ReadAsync(3, 2, TimeSpan.Zero, Stop));
        Assert.Contains("more than", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Read_PeerThatHangs_IsGivenUp(bool inTheMiddle)
    {
        await using var host = await LogHost.StartAsync(async http =>
        {
            if (inTheMiddle)
            {
                await http.Response.WriteAsync("{\"version\":1,");
                await http.Response.Body.FlushAsync(http.RequestAborted);
            }
            await Task.Delay(Timeout.InfiniteTimeSpan, http.RequestAborted);
        });
        var e = await Assert.ThrowsAsync<HttpRequestException>(() => host.Reader(patience: TimeSpan.FromMilliseconds(200)).ReadAsync(3, 2, TimeSpan.Zero, Stop));
        Assert.Contains("was not answered to its end", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_CutInTheMiddle_IsRefused()
    {
        await using var host = await LogHost.StartAsync(async http =>
        {
            http.Response.ContentLength = 1000;
            await http.Response.WriteAsync(Page(Event(3))[..100]);
            http.Abort();
        });
        await Assert.ThrowsAsync<HttpRequestException>(() => host.Reader().ReadAsync(3, 2, TimeSpan.Zero, Stop));
    }

    [Fact]
    public async Task Read_NobodyThere_SaysWhoWasCalled()
    {
        var host = await AnswerAsync("{}");
        await using (host)
        {
            await host.StopAsync();
            var e = await Assert.ThrowsAsync<HttpRequestException>(() => host.Reader().ReadAsync(3, 2, TimeSpan.Zero, Stop));
            Assert.Contains(host.Url.Authority, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Read_OverTls_WantsAnAuthorityThatIsKnown()
    {
        await using var directory = LabDirectory.Create("log-tls");
        var ours = LabCertificates.Create(directory.PathOf("ours"));
        var others = LabCertificates.Create(directory.PathOf("others"));
        using var certificate = X509Certificate2.CreateFromPemFile(ours.ServerCertificateFile, ours.ServerKeyFile);
        await using var host = await LogHost.StartAsync(http => http.Response.WriteAsync(Page(Event(3))), certificate);
        Assert.Single((await host.Reader(ours.CaFile).ReadAsync(3, 2, TimeSpan.Zero, Stop))!.Events);
        foreach (var trust in new[] { null, others.CaFile })
        {
            var e = await Assert.ThrowsAsync<HttpRequestException>(() => host.Reader(trust).ReadAsync(3, 2, TimeSpan.Zero, Stop));
            Assert.Equal(HttpRequestError.SecureConnectionError, e.HttpRequestError);
            Assert.Contains("certificate", e.Message, StringComparison.Ordinal);
        }
    }

    private static Task<LogHost> AnswerAsync(string body) => LogHost.StartAsync(http => http.Response.WriteAsync(body));

    private static string Page(string events) => $$"""{{{Log}},"events":[{{events}}]}""";

    private static string Event(int id, string kind = "push", string repository = "a/b", string tag = "\"v1\"", string digest = "null", string more = "") =>
        $$"""{"id":{{id}},"key":5,"kind":"{{kind}}","repository":"{{repository}}","tag":{{tag}},"digest":{{digest}},"mediaType":null,"bytes":1,"age":1,"late":null{{more}}}""";
}
