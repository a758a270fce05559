using System.IdentityModel.Tokens.Jwt;
using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace GeoDR.Tokens;

/// <summary>What a term says: which promotion of which site may write the log. The higher epoch counts.</summary>
public readonly record struct TermClaims(long Epoch, Guid Promotion, string Site);

/// <summary>A term as its site signs it: a compact JWS in ES256 that does not end, so that a site that was away for a year can check it.</summary>
public static class TermToken
{
    private const string Type = "geodr-term+jwt";
    private const int Longest = 2048;

    public static string Sign(SiteKey key, TermClaims term, DateTimeOffset now)
    {
        var header = new JwtHeader(new SigningCredentials(new ECDsaSecurityKey(key.Key), SecurityAlgorithms.EcdsaSha256)) { ["typ"] = Type };
        var payload = new JwtPayload
        {
            ["iss"] = term.Site, ["epoch"] = term.Epoch, ["promotion"] = term.Promotion.ToString(), ["iat"] = now.ToUnixTimeSeconds(),
        };
        return new JwtSecurityTokenHandler().WriteToken(new JwtSecurityToken(header, payload));
    }

    /// <summary>What it claims, unproven: to look up the site's key. Null when it is no term.</summary>
    public static TermClaims? Read(string jws) =>
        jws.Length <= Longest && CompactJws.Read(jws) is { } jwt
        && jwt.Header.Alg == SecurityAlgorithms.EcdsaSha256 && jwt.Header.Typ == Type
        && jwt.Issuer is { Length: > 0 } site && CompactJws.Number(jwt, "epoch") is { } epoch and > 0
        && Guid.TryParse(CompactJws.Text(jwt, "promotion"), out var promotion)
            ? new(epoch, promotion, site) : null;

    /// <summary>Whether this key signed it.</summary>
    public static bool IsSignedBy(string jws, ECDsa key) => CompactJws.Read(jws) is { } jwt && CompactJws.SignatureHolds(jwt, key);
}
