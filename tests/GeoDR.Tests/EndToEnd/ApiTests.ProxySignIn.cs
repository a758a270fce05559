using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using GeoDR.Lab;

namespace GeoDR.Tests.EndToEnd;

/// <summary>The proxy's header: from the trusted address (127.0.0.2 here) it is a user, from elsewhere and in any other shape it is nothing.</summary>
public sealed partial class ApiTests
{
    private const string TrustedProxy = "127.0.0.2";

    [Fact]
    public async Task ProxyHeader_FromTheTrustedAddress_IsAUserWithTheGroupsRole()
    {
        using var proxy = ProxyClient(TrustedProxy);
        Assert.Equal((200, 200, 403, 403), (
            await ProxyAsync(proxy, "/api/v1/status", "GET", ("X-Auth-User", "anna"), ("X-Auth-Groups", "staff, lookers")), await ProxyAsync(proxy, "/api/v1/resume", "POST", ("X-Auth-User", "otto"), ("X-Auth-Groups", "doers")) == 204 ? 200 : 0,
            await ProxyAsync(proxy, "/api/v1/resume", "POST", ("X-Auth-User", "anna"), ("X-Auth-Groups", "lookers")), await ProxyAsync(proxy, "/api/v1/status", "GET", ("X-Auth-User", "anna"), ("X-Auth-Groups", "none,Lookers"))));
        // The name of a local administrator: no password, no rights of that user, and another name in the audit log.
        Assert.Equal((403, 403), (await ProxyAsync(proxy, "/api/v1/users", "GET", ("X-Auth-User", "admin"), ("X-Auth-Groups", "lookers")), await ProxyAsync(proxy, "/", "GET", ("X-Auth-User", "admin"))));
        Assert.Equal(409, await ProxyAsync(proxy, "/api/v1/users/admin", "DELETE", ("X-Auth-User", "admin"), ("X-Auth-Groups", "chiefs")));
        Assert.Equal(200, await ProxyAsync(proxy, "/", "GET", ("X-Auth-User", "anna"), ("X-Auth-Groups", "lookers")));
        // Without the header the local sign-in is there.
        Assert.Equal((302, 302), (await ProxyAsync(proxy, "/", "GET"), await ProxyAsync(proxy, "/", "GET", ("X-Auth-User", ""))));

        using var http = await SignedInAsync();
        await Wait.UntilAsync(
            async _ => (await AuditAsync(http, "refused=true")).Any(l => (string?)l["what"] == "refused: missing right" && (string?)l["address"] == TrustedProxy),
            TimeSpan.FromSeconds(20), () => "a proxied user's attempt is not in the audit log", Stop);
        Assert.Contains(await AuditAsync(http, "who=proxy+otto"), l => (string?)l["what"] == "resumed" && (string?)l["address"] == TrustedProxy);
        // What the trusted proxy says of its client counts; what it was told by that client before, does not.
        Assert.Equal(204, await ProxyAsync(proxy, "/api/v1/resume", "POST", ("X-Auth-User", "fern"), ("X-Auth-Groups", "doers"), ("X-Forwarded-For", "203.0.113.1, 198.51.100.7")));
        Assert.Contains(await AuditAsync(http, "who=proxy+fern"), l => (string?)l["address"] == "198.51.100.7");
    }

    [Fact]
    public async Task ProxyHeader_FromElsewhereOrMisshapen_IsNobody()
    {
        using var direct = ProxyClient("127.0.0.1");
        Assert.Equal(401, await ProxyAsync(direct, "/api/v1/status", "GET", ("X-Auth-User", "admin"), ("X-Auth-Groups", "chiefs")));
        // What an address that is not trusted says of its client is not believed either.
        Assert.Equal(401, await ProxyAsync(direct, "/api/v1/status", "GET", ("X-Auth-User", "admin"), ("X-Auth-Groups", "chiefs"), ("X-Forwarded-For", TrustedProxy)));
        using var proxy = ProxyClient(TrustedProxy);
        foreach (var (case_, headers) in new (string, (string, string)[])[]
        {
            ("two in one", [("X-Auth-User", "anna, admin"), ("X-Auth-Groups", "chiefs")]),
            ("overlong", [("X-Auth-User", new string('a', 129)), ("X-Auth-Groups", "chiefs")]),
            ("another site's page", [("X-Auth-User", "anna"), ("X-Auth-Groups", "chiefs"), ("Origin", "https://elsewhere.example")]),
        })
            Assert.Equal((case_, 401), (case_, await ProxyAsync(proxy, "/api/v1/status", "GET", headers)));
        foreach (var name in new[] { "an\u0001na", "an\u007fna", "an\u0000na", "an\tna", "anna\r\nX-Auth-User: admin", "anna\r\nX-Auth-Groups: lookers" })
            Assert.InRange(await RawAsync(TrustedProxy, name), 400, 401);
        Assert.Equal(200, await RawAsync(TrustedProxy, "anna"));
        using var http = await SignedInAsync();
        await Wait.UntilAsync(
            async _ => (await AuditAsync(http, "refused=true")).Where(l => (string?)l["what"] == "refused: sign-in header").Select(l => (string?)l["address"]).Distinct().Count() == 2,
            TimeSpan.FromSeconds(20), () => "headers from elsewhere and misshapen ones are not both in the audit log", Stop);
    }

    private HttpClient ProxyClient(string from)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false, UseCookies = false, UseProxy = false,
            ConnectCallback = async (context, cancel) => new NetworkStream(await ConnectAsync(from, cancel), ownsSocket: true),
        };
        return new(handler) { BaseAddress = _sites.Secondary.Geo.Url };
    }

    private async Task<Socket> ConnectAsync(string from, CancellationToken cancel)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        await socket.ConnectAsync(IPAddress.Loopback, _sites.Secondary.Geo.Url.Port, cancel);
        return socket;
    }

    private static async Task<int> ProxyAsync(HttpClient http, string path, string method, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new(method), path);
        foreach (var header in headers.GroupBy(h => h.Name))
            Assert.True(request.Headers.TryAddWithoutValidation(header.Key, header.Select(h => h.Value)));
        using var answer = await http.SendAsync(request, Stop);
        return (int)answer.StatusCode;
    }

    /// <summary>As a client that keeps to nothing writes it.</summary>
    private async Task<int> RawAsync(string from, string name)
    {
        using var stream = new NetworkStream(await ConnectAsync(from, Stop), ownsSocket: true);
        await stream.WriteAsync(Encoding.Latin1.GetBytes($"GET /api/v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Auth-User: {name}\r\nX-Auth-Groups: chiefs\r\n\r\n"), Stop);
        using var reader = new StreamReader(stream);
        return int.Parse((await reader.ReadLineAsync(Stop))!.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
    }
}
