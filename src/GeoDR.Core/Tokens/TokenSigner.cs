using System.IdentityModel.Tokens.Jwt;
using GeoDR.Registry;
using GeoDR.Secrets;
using Microsoft.IdentityModel.Tokens;

namespace GeoDR.Tokens;

/// <summary>Signs tokens for registries (Distribution, "Token Authentication Implementation").</summary>
/// <param name="issuer">What the registries' <c>auth.token.issuer</c> says.</param>
/// <param name="subject">Shows as the actor in the registries' notifications.</param>
public sealed class TokenSigner(Secret<TokenKey> key, string issuer, string subject, TimeSpan lifetime, TimeProvider time)
{
    private static readonly TimeSpan s_backdated = TimeSpan.FromSeconds(10);

    private readonly JwtSecurityTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false };

    public TimeSpan Lifetime => lifetime;

    /// <summary>What signs now.</summary>
    public TokenKey Key => key.Value;

    /// <summary>A token for exactly these scopes. <c>x5c</c> is the one key header that Distribution 2.8 and 3 both take.</summary>
    /// <param name="grantedTo">The subject, where it is not this site.</param>
    public string Sign(string audience, IReadOnlyList<Scope> scopes, string? grantedTo = null)
    {
        var (now, with) = (time.GetUtcNow(), Key);
        var header = new JwtHeader(new SigningCredentials(with.Key, with.Algorithm)) { ["x5c"] = with.Chain };
        header.Remove("kid");
        var payload = new JwtPayload
        {
            ["iss"] = issuer, ["sub"] = grantedTo ?? subject, ["aud"] = audience,
            ["nbf"] = (now - s_backdated).ToUnixTimeSeconds(), ["iat"] = now.ToUnixTimeSeconds(), ["exp"] = (now + lifetime).ToUnixTimeSeconds(),
            ["jti"] = Guid.NewGuid().ToString("N"),
            ["access"] = scopes.Select(Access).ToArray(),
        };
        return _handler.WriteToken(new JwtSecurityToken(header, payload));
    }

    private static Dictionary<string, object> Access(Scope scope) => scope.Repository is null
        ? new() { ["type"] = "registry", ["name"] = "catalog", ["actions"] = scope.Actions.ToArray() }
        : new() { ["type"] = "repository", ["name"] = scope.Repository, ["actions"] = scope.Actions.ToArray() };
}
