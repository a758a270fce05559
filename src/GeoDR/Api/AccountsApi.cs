using GeoDR.Dashboard.Access;
using GeoDR.Sites;

namespace GeoDR.Api;

/// <summary>A user as people see one.</summary>
internal sealed record UserView(string Name, string Role, bool Locked, DateTimeOffset CreatedAt);

/// <summary>Who is to be added.</summary>
/// <param name="Password">8 characters at least; where there is none, one is made and answered, once.</param>
internal sealed record NewUser(string? Name, string? Role, string? Password);

/// <summary>Which role a user is to have.</summary>
/// <param name="Self">It is the caller, who knows that.</param>
internal sealed record RoleCall(string? Role, bool Self);

/// <summary>Which password a user is to have.</summary>
/// <param name="Password">Where there is none, one is made and answered, once.</param>
internal sealed record PasswordCall(string? Password);

/// <summary>A user's password was set.</summary>
/// <param name="Password">The one that was made; absent where one was given.</param>
internal sealed record UserAnswer(string Name, string? Password);

/// <summary>Which API token is to be made.</summary>
/// <param name="Lifetime">Such as 12h or 90d; where there is none, it counts until it is revoked.</param>
internal sealed record NewToken(string? Name, string? Role, string? Lifetime);

/// <summary>An API token that was made.</summary>
/// <param name="Token">The secret: it is not shown again.</param>
internal sealed record TokenAnswer(string Name, string Role, string Token);

/// <summary>The dashboard's users and the API's tokens: for administrators.</summary>
internal static class AccountsApi
{
    public static void MapAccountsApi(this IEndpointRouteBuilder routes)
    {
        var api = routes.MapGroup("/api/v1").RequireAuthorization(Roles.Admin).AddEndpointFilter<SameOriginFilter>();
        api.MapGet("/users", async (UserAccounts users, CancellationToken cancel) =>
            new Whole<UserView>([.. (await users.ListAsync(cancel)).Select(u => new UserView(u.Name, u.Role, u.Locked, u.CreatedAt))]));
        api.MapPost("/users", async (NewUser user, UserAccounts users, HttpContext http, CancellationToken cancel) => Answer(
            await users.AddAsync(user.Name, user.Role, user.Password, Who(http), cancel), o => Results.Created("/api/v1/users", new UserAnswer(user.Name!, o.Secret))));
        api.MapPost("/users/{name}/role", async (string name, RoleCall call, UserAccounts users, HttpContext http, CancellationToken cancel) =>
            Answer(await users.SetRoleAsync(name, call.Role, Who(http), call.Self, cancel), _ => Results.NoContent()));
        api.MapPost("/users/{name}/password", async (string name, PasswordCall call, UserAccounts users, HttpContext http, CancellationToken cancel) =>
            Answer(await users.ResetAsync(name, call.Password, Who(http), cancel), o => Results.Ok(new UserAnswer(name, o.Secret))));
        api.MapPost("/users/{name}/unlock", async (string name, UserAccounts users, HttpContext http, CancellationToken cancel) =>
            Answer(await users.UnlockAsync(name, Who(http), cancel), _ => Results.NoContent()));
        api.MapDelete("/users/{name}", async (string name, bool? self, UserAccounts users, HttpContext http, CancellationToken cancel) =>
            Answer(await users.RemoveAsync(name, Who(http), self == true, cancel), _ => Results.NoContent()));
        api.MapGet("/tokens", async (TokenAccounts tokens, CancellationToken cancel) => new Whole<ApiToken>(await tokens.ListAsync(cancel)));
        api.MapPost("/tokens", async (NewToken token, TokenAccounts tokens, HttpContext http, CancellationToken cancel) => Answer(
            await tokens.NewAsync(token.Name, token.Role, token.Lifetime, Who(http), cancel), o => Results.Created("/api/v1/tokens", new TokenAnswer(token.Name!, token.Role!, o.Secret!))));
        api.MapDelete("/tokens/{name}", async (string name, TokenAccounts tokens, HttpContext http, CancellationToken cancel) =>
            Answer(await tokens.RevokeAsync(name, Who(http), cancel), _ => Results.NoContent()));
    }

    private static IResult Answer(AccountOutcome outcome, Func<AccountOutcome, IResult> done) => outcome.Result switch
    {
        AccountResult.Done => done(outcome),
        AccountResult.Bad => Problems.Bad(outcome.Words),
        AccountResult.Unknown => Results.Problem(statusCode: 404, title: outcome.Words),
        _ => Problems.Conflict("Nothing was changed", outcome.Words),
    };

    private static string Who(HttpContext http) => http.User.Identity?.Name ?? "api";
}
