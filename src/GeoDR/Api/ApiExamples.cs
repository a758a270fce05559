using System.Text.Json;
using System.Text.Json.Nodes;
using GeoDR.Audit;
using GeoDR.Deletion;
using GeoDR.Failover;
using GeoDR.Sites;
using GeoDR.Status;
using GeoDR.SyncState;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;

namespace GeoDR.Api;

/// <summary>What an operation answers.</summary>
internal sealed record AnswerExample(int Status, object Answer);

/// <summary>
/// Examples for the API's description: records of the types that the program takes and answers, serialized as it serializes them, so that
/// none can be of an older version.
/// </summary>
internal static class ApiExamples
{
    private const string Digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    private static readonly DateTimeOffset s_at = new(2026, 11, 3, 2, 14, 7, TimeSpan.Zero);

    private static readonly RepositoryRow s_repository = new(
        17, "shop/cart", "failed", (int)RepositoryState.Failed, 2, s_at.AddMinutes(1), "The registry refused it: 413", "v3", "too large", s_at.AddHours(-5), s_at.AddMinutes(-4), 1, 48_400_000, 0, false, null);

    private static readonly Request s_request = new(
        41, "resync", "filter", RepositoryState.Failed, null, "shop/cart", 12, "running", "asked for", null, "ann", s_at, null);

    /// <summary>What may be sent, by the type that takes it.</summary>
    public static IReadOnlyDictionary<Type, object> Bodies { get; } = new object[]
    {
        new ResyncRequest(null, "failed", null, null, null, null), new ReverifyRequest(null, null, "shop/", null, null, null, true), new RetryRequest("too large"), new DivergentCall("berlin", "shop/cart", null, DivergentTags.Take, false),
        new PromoteCall("madrid", true, false), new DemoteCall("berlin"), new TermCall("madrid", "berlin"), new RevokeCall("paris"), new RemoveCall("paris", "berlin"),
        new InviteCall("paris", true), new FenceWish("berlin"), new NewUser("ann", Roles.Operator, null), new RoleCall(Roles.Viewer, false), new PasswordCall(null), new NewToken("backup script", Roles.Viewer, "90d"),
    }.ToDictionary(body => body.GetType());

    /// <summary>What the main operations answer.</summary>
    public static IReadOnlyDictionary<string, AnswerExample> Answers { get; } = new Dictionary<string, AnswerExample>
    {
        ["GET /api/v1/repositories"] = new(200, new RepositoryPage([s_repository], "shop/cart")),
        ["GET /api/v1/repositories/{id}"] = new(200, s_repository),
        ["POST /api/v1/repositories/resync"] = new(202, new RecordedRequest(41)),
        ["POST /api/v1/repositories/reverify"] = new(202, new RecordedRequest(42)),
        ["GET /api/v1/requests"] = new(200, new[] { s_request }),
        ["GET /api/v1/requests/{id}"] = new(200, s_request),
        ["GET /api/v1/events"] = new(200, new Page<EventRow, long?>([new(90_211, "push", "shop/cart", "v3", Digest, "application/vnd.oci.image.manifest.v1+json", 48_400_000, "ci", s_at, s_at)], 90_211)),
        ["GET /api/v1/failures"] = new(200, new Whole<FailureGroup>([new("too large", "terminal", 1, 1, new("shop/cart", "v3", "The registry refused it: 413", s_at), "Raise the limit of this site's registry, then retry.")])),
        ["GET /api/v1/workers"] = new(200, new Whole<WorkerRow>([new(new("6f9b4a52-6c3e-4f0e-9a43-0f6a0f2f7d11"), "madrid-1", 8, 1, s_at.AddDays(-2), 41.5, ["shop/cart"])])),
        ["GET /api/v1/deletions"] = new(200, new DeletionPage(
            [new(7, 17, "shop/cart", "v1", Digest, DeletionStates.Held, Holds.Brake, "120 tags of 900 would go within an hour, the brake allows 45 (5%)", 90_100, s_at.AddHours(-3), s_at.AddHours(-2), s_at.AddHours(-2), s_at.AddHours(-2), null)], null)),
        ["POST /api/v1/deletions/release"] = new(200, new DeletionsSaid(120)),
        ["GET /api/v1/audit"] = new(200, new AuditPage(
        [
            new(312, s_at, "ann", "resync", "shop/cart", null, null, null, null, "198.51.100.7", null),
            new(311, s_at.AddSeconds(-7), "ann", "refused: wrong password", null, null, null, null, "POST /login", "198.51.100.7", 2),
        ], 311)),
        ["GET /api/v1/divergent"] = new(200, new[] { new DivergentTag("berlin", "shop/cart", "v3", Digest, null, s_at, null, null, null, null, null) }),
        ["GET /api/v1/users"] = new(200, new Whole<UserView>([new("ann", Roles.Operator, false, s_at)])),
        ["POST /api/v1/users"] = new(201, new UserAnswer("ann", "8d1f0c3b5a7e2946d0b1c2a3")),
        ["POST /api/v1/users/{name}/password"] = new(200, new UserAnswer("ann", "8d1f0c3b5a7e2946d0b1c2a3")),
        ["GET /api/v1/tokens"] = new(200, new Whole<ApiToken>([new("backup script", Roles.Viewer, s_at, s_at.AddDays(90))])),
        ["POST /api/v1/tokens"] = new(201, new TokenAnswer("backup script", Roles.Viewer, $"{ApiTokenStore.Prefix}…")),
        ["POST /api/v1/sites/invite"] = new(200, new InviteAnswer(
            "paris", "geodr-invitation-1-…", s_at.AddMinutes(15), "geodr site join geodr-invitation-1-…", "Run `geodr site join` with this line at paris before 02:29 UTC. It counts once, and whoever has it can join as paris.")),
    };

    public static IServiceCollection AddDescription(this IServiceCollection services) => services.AddOpenApi(options => options.AddOperationTransformer(CallDescriptions.DescribeAsync).AddOperationTransformer((operation, context, _) =>
    {
        var json = context.ApplicationServices.GetRequiredService<IOptions<JsonOptions>>().Value.SerializerOptions;
        if (context.Description.ParameterDescriptions.FirstOrDefault(p => p.Source == BindingSource.Body)?.Type is { } type && Bodies.TryGetValue(type, out var body))
            foreach (var media in operation.RequestBody?.Content?.Values ?? [])
                media.Example = Node(body, json);
        if (Answers.TryGetValue($"{context.Description.HttpMethod} /{context.Description.RelativePath}", out var answer))
        {
            operation.Responses = new()
            {
                [$"{answer.Status}"] = new OpenApiResponse
                {
                    Description = answer.Status == StatusCodes.Status202Accepted ? "Recorded" : "Done",
                    Content = new Dictionary<string, OpenApiMediaType> { ["application/json"] = new() { Example = Node(answer.Answer, json) } },
                },
            };
        }
        return Task.CompletedTask;
    }));

    private static JsonNode? Node(object value, JsonSerializerOptions json) => JsonSerializer.SerializeToNode(value, value.GetType(), json);
}
