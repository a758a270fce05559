using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using GeoDR.Lab;

namespace GeoDR.Tests.EndToEnd;

/// <summary>Role by action, every cell of it: each operation that the API describes, as nobody, viewer, operator and administrator.</summary>
public sealed partial class ApiTests
{
    private static readonly string[] s_ranks = ["nobody", "viewer", "operator", "admin"];

    // Who calls these says who they are in another way: a registry's secret, a site's key, a form with a password; or needs not to.
    private static readonly string[] s_open =
        ["/login", "/logout", "/healthz/", "/token", "/api/v4/", "/api/v1/notifications", "/api/v1/sites/heartbeat", "/api/v1/sites/fence", "/api/v1/sites/divergent", "/api/v1/sites/join",
            "/api/v1/inventory", "/api/v1/fingerprints", "/api/v1/log"];

    private static readonly string[] s_admins = ["POST /api/v1/promote", "POST /api/v1/demote", "POST /api/v1/term", "POST /api/v1/sites/revoke", "POST /api/v1/sites/remove", "POST /api/v1/sites/invite", "POST /api/v1/fence", "POST /api/v1/unfence"];

    // Who may what is an administrator's to know, too.
    private static readonly string[] s_accounts = [" /api/v1/users", " /api/v1/tokens"];

    // A preflight pushes.
    private static readonly string[] s_operators = ["GET /api/v1/preflight"];

    [Fact]
    public async Task EveryOperation_IsOpenToItsRoleAndThoseAbove_AndToNobodyElse()
    {
        var clients = new List<HttpClient> { Client() };
        foreach (var role in s_ranks.Skip(1))
        {
            var client = Client();
            client.DefaultRequestHeaders.Authorization = new("Bearer", (await _sites.Secondary.Geo.RunAsync("apitoken", "new", $"rights-{role}", "--role", role)).EnsureSuccess().Output.Trim());
            clients.Add(client);
        }

        var wrong = new List<string>();
        var refused = new List<string>();
        var cells = 0;
        foreach (var (path, operations) in (await JsonAsync(clients[1], "/openapi/v1.json"))["paths"]!.AsObject())
        {
            foreach (var method in operations!.AsObject().Select(o => o.Key.ToUpperInvariant()).Where(_ => !s_open.Any(o => path.StartsWith(o, StringComparison.Ordinal))))
            {
                var needed = Needed($"{method} {path}");
                for (var rank = 0; rank < s_ranks.Length; rank++, cells++)
                {
                    var expected = rank >= needed ? "let in" : rank == 0 ? "401" : "403";
                    if (await TryAsync(clients[rank], method, path) is var got && got != expected)
                        wrong.Add($"{method} {path} as {s_ranks[rank]}: {got}, not {expected}");
                    else if (got == "403")
                        refused.Add($"token rights-{s_ranks[rank]}");
                }
            }
        }

        // Some of what an operator may do, was done.
        using var resumed = await clients[3].PostAsync("/api/v1/resume", null, Stop);
        // Each of them is counted in the audit log, whoever else was refused in the same minute.
        Assert.Equal(["token rights-operator", "token rights-viewer"], refused.Distinct().Order());
        await Wait.UntilAsync(
            async _ => (await AuditAsync(clients[3], "refused=true")).Where(l => (string?)l["what"] == "refused: missing right").Sum(l => (int)l["refused"]!) >= refused.Count,
            TimeSpan.FromSeconds(20), () => $"fewer than the {refused.Count} that were refused are in the audit log", Stop);
        clients.ForEach(c => c.Dispose());
        Assert.Empty(wrong);
        Assert.True(cells >= 200, $"only {cells} cells were tried");
    }

    private static int Needed(string operation) =>
        s_admins.Contains(operation) || s_accounts.Any(a => operation.Contains(a, StringComparison.Ordinal)) ? 3 : s_operators.Contains(operation) || !operation.StartsWith("GET ", StringComparison.Ordinal) ? 2 : 1;

    private static async Task<string> TryAsync(HttpClient http, string method, string path)
    {
        var id = path.StartsWith("/api/v1/reports/", StringComparison.Ordinal) ? Guid.Empty.ToString() : "987654321";
        using var request = new HttpRequestMessage(new(method), path.Replace("{id}", id, StringComparison.Ordinal).Replace("{name}", "nobody", StringComparison.Ordinal));
        request.Content = method == "GET" ? null : new StringContent("{}", Encoding.UTF8, "application/json");
        using var answer = await http.SendAsync(request, Stop);
        return answer.StatusCode switch
        {
            HttpStatusCode.Unauthorized => "401",
            HttpStatusCode.Forbidden => "403",
            >= HttpStatusCode.InternalServerError => $"{(int)answer.StatusCode}",
            _ => "let in",
        };
    }

    [Fact]
    public async Task Description_HasAnExampleForEveryBody_AndAnswersLikeItsExamples()
    {
        using var http = await SignedInAsync();
        var (without, compared) = (new List<string>(), 0);
        foreach (var (path, operations) in (await JsonAsync(http, "/openapi/v1.json"))["paths"]!.AsObject())
        {
            foreach (var (method, operation) in operations!.AsObject())
            {
                if (operation!["requestBody"]?["content"]?.AsObject().Any(c => c.Value!["example"] is null) == true)
                    without.Add($"{method} {path}");
                if (method == "get" && !path.Contains('{', StringComparison.Ordinal) && operation["responses"]?["200"]?["content"]?["application/json"]?["example"] is { } example)
                {
                    var answer = await JsonAsync(http, path);
                    Assert.Equal((path, Names(example)), (path, Names(answer)));
                    if (answer is JsonObject && answer["items"]?.AsArray() is [{ } item, ..])
                        Assert.Equal((path, Names(example["items"]![0]!)), (path, Names(item)));
                    compared++;
                }
            }
        }

        Assert.Empty(without);
        Assert.True(compared >= 10, $"only {compared} answers were compared with their examples");

        static string Names(JsonNode node) => node is JsonObject whole ? string.Join(' ', whole.Select(p => p.Key).Order()) : "a list";
    }
}
