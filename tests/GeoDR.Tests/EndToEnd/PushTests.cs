using System.Net;
using System.Text;
using GeoDR.Lab;
using Npgsql;

namespace GeoDR.Tests.EndToEnd;

/// <summary>Two complete sites of the published program, once for the class.</summary>
public sealed class TwoSitesFixture : IAsyncLifetime
{
    public TwoSites Sites { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Sites = await TwoSites.StartAsync(new TwoSitesOptions { WorkerProcesses = 1, CreateAdmin = false });

    public ValueTask DisposeAsync() => Sites.DisposeAsync();
}

/// <summary>The path of a push, through separate processes.</summary>
public sealed class PushTests(TwoSitesFixture fixture) : IClassFixture<TwoSitesFixture>
{
    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(30);

    private readonly TwoSites _sites = fixture.Sites;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(ImageKind.Docker)]
    [InlineData(ImageKind.Oci)]
    [InlineData(ImageKind.OciIndex)]
    [InlineData(ImageKind.DockerList)]
    public async Task Push_OfEachKind_ArrivesDigestByDigest(ImageKind kind)
    {
        var image = await _sites.Primary.Pusher.PushAsync($"kinds/{kind.ToString().ToLowerInvariant()}", "v1", ImageSpec.Random(kind, (int)kind + 1), Stop);
        await _sites.WaitForArrivalAsync(image, s_deadline, Stop);
        await _sites.WaitUntilEqualAsync(s_deadline, cancellationToken: Stop);
    }

    [Fact]
    public async Task Push_OverwritingATag_ArrivesNewest()
    {
        PushedImage image = null!;
        for (var seed = 100; seed < 110; seed++)
            image = await _sites.Primary.Pusher.PushAsync("app/moving", "latest", ImageSpec.Random(ImageKind.Oci, seed), Stop);
        await _sites.WaitForArrivalAsync(image, s_deadline, Stop);
    }

    [Fact]
    public async Task Push_ByDigestAlone_Arrives()
    {
        var image = await _sites.Primary.Pusher.PushAsync("app/untagged", null, ImageSpec.Random(ImageKind.Oci, 200), Stop);
        await _sites.WaitForArrivalAsync(image, s_deadline, Stop);
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("""{"events":[{"id":"x","action":"push","target":{"repository":"../x","tag":"a"}}]}""")]
    [InlineData("""{"events":[{"id":"x2","action":"unknown"}]}""")]
    public async Task Intake_HostileNotification_IsAnswered200AndAPushStillArrives(string body)
    {
        Assert.Contains("\"quarantined\":1", await NotifyAsync(Encoding.UTF8.GetBytes(body), HttpStatusCode.OK), StringComparison.Ordinal);
        var image = await _sites.Primary.Pusher.PushAsync("app/after", "v1", ImageSpec.Random(ImageKind.Oci, body.Length + 300), Stop);
        await _sites.WaitForArrivalAsync(image, s_deadline, Stop);
    }

    [Fact]
    public async Task Intake_TenMebibytes_KeepsTheHeadAndAnswers200()
    {
        var body = new byte[10 * 1024 * 1024];
        Array.Fill(body, (byte)'[');
        Assert.Contains("\"quarantined\":1", await NotifyAsync(body, HttpStatusCode.OK), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Intake_WrongSecret_Is401AndKeepsNothing()
    {
        var before = await QuarantinedAsync();
        await NotifyAsync("not json either"u8.ToArray(), HttpStatusCode.Unauthorized, "wrong");
        Assert.Equal(before, await QuarantinedAsync());
    }

    [Fact]
    public async Task Intake_SameEventTwice_AppendsOnce()
    {
        var id = Guid.NewGuid().ToString();
        var body = Encoding.UTF8.GetBytes($$$"""
            {"events":[{"id":"{{{id}}}","action":"push","target":{"repository":"app/twice","tag":"v1",
            "digest":"sha256:c11aaad5428a9925bd0ff43e52cee265878e5617aaf38f8b71d2e0c84de48815","mediaType":"application/vnd.oci.image.manifest.v1+json"}}]}
            """);
        await NotifyAsync(body, HttpStatusCode.OK);
        await NotifyAsync(body, HttpStatusCode.OK);
        Assert.Equal(1L, await ScalarAsync($"select count(*) from event where source_event_id = '{id}'"));
    }

    [Fact]
    public async Task Reader_OfTheLog_SeesTheViewAlone()
    {
        await using var source = NpgsqlDataSource.Create(_sites.Links.Log);
        await using var view = source.CreateCommand("select count(*) from geo_log_v1");
        Assert.NotNull(await view.ExecuteScalarAsync(Stop));
        foreach (var table in new[] { "event", "site", "app_user", "quarantine", "repository" })
        {
            await using var command = source.CreateCommand($"select count(*) from {table}");
            var error = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteScalarAsync(Stop));
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, error.SqlState);
        }
    }

    [Fact]
    public async Task Status_OfBothSites_IsReadByTheCommandLine()
    {
        var status = await _sites.Secondary.Geo.RunAsync("status", "--json");
        Assert.Contains("\"role\": \"secondary\"", status.Output, StringComparison.Ordinal);
        var primary = await _sites.Primary.Geo.RunAsync("status", "--json");
        Assert.Contains("\"role\": \"primary\"", primary.Output, StringComparison.Ordinal);
    }

    private async Task<string> NotifyAsync(byte[] body, HttpStatusCode expected, string? secret = null)
    {
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, _sites.Links.PrimaryNotifications) { Content = new ByteArrayContent(body) };
        request.Headers.TryAddWithoutValidation("Authorization", secret ?? _sites.Primary.Geo.Settings["Geo__Notifications__Secrets__0"]);
        using var response = await http.SendAsync(request, Stop);
        Assert.Equal(expected, response.StatusCode);
        return await response.Content.ReadAsStringAsync(Stop);
    }

    private Task<long> QuarantinedAsync() => ScalarAsync("select count(*) from quarantine");

    private async Task<long> ScalarAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(_sites.Primary.ConnectionString);
        await using var command = source.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync(Stop))!;
    }
}
