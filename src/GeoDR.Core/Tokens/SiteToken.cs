using System.IdentityModel.Tokens.Jwt;
using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace GeoDR.Tokens;

/// <summary>What is said of a call between sites.</summary>
public enum SiteTokenResult
{
    Valid,
    /// <summary>Not a JWT, or one without what it must hold.</summary>
    Malformed,
    /// <summary>Its algorithm is not ES256.</summary>
    WrongAlgorithm,
    WrongSignature,
    /// <summary>It is addressed to another site.</summary>
    WrongAudience,
    /// <summary>It ended, lives longer than 60 s, or is not valid yet: compare the clocks.</summary>
    WrongTime,
    /// <summary>It was made for another method, path or body.</summary>
    WrongCall,
}

/// <summary>The short JWT that signs one call between sites: ES256 alone, 60 s, bound to method, path and body.</summary>
public static class SiteToken
{
    private static readonly TimeSpan s_lifetime = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_leeway = TimeSpan.FromSeconds(10);

    public static string Create(SiteKey key, string issuer, string audience, string method, string path, ReadOnlySpan<byte> body, DateTimeOffset now)
    {
        var header = new JwtHeader(new SigningCredentials(new ECDsaSecurityKey(key.Key), SecurityAlgorithms.EcdsaSha256));
        var payload = new JwtPayload
        {
            ["iss"] = issuer, ["aud"] = audience, ["iat"] = now.ToUnixTimeSeconds(), ["exp"] = (now + s_lifetime).ToUnixTimeSeconds(),
            ["jti"] = Guid.NewGuid().ToString("N"), ["htm"] = method, ["htu"] = path, ["bh"] = Hash(body),
        };
        return new JwtSecurityTokenHandler().WriteToken(new JwtSecurityToken(header, payload));
    }

    /// <summary>Who the token says it is from: to look up the key, nothing else. Null when it is no token.</summary>
    public static string? ReadIssuer(string token) => CompactJws.Read(token)?.Issuer is { Length: > 0 } issuer ? issuer : null;

    /// <summary>The token's own id: for calls that count once.</summary>
    public static string? ReadId(string token) => CompactJws.Read(token) is { } jwt ? CompactJws.Text(jwt, "jti") : null;

    public static SiteTokenResult Verify(
        string token, ECDsa publicKey, string audience, string method, string path, ReadOnlySpan<byte> body, DateTimeOffset now)
    {
        if (CompactJws.Read(token) is not { } jwt)
            return SiteTokenResult.Malformed;
        if (jwt.Header.Alg != SecurityAlgorithms.EcdsaSha256)
            return SiteTokenResult.WrongAlgorithm;
        if (!CompactJws.SignatureHolds(jwt, publicKey))
            return SiteTokenResult.WrongSignature;
        if (jwt.Payload.Aud.Count != 1 || jwt.Payload.Aud[0] != audience)
            return SiteTokenResult.WrongAudience;
        if (CompactJws.Number(jwt, "exp") is not { } exp || CompactJws.Number(jwt, "iat") is not { } iat)
            return SiteTokenResult.Malformed;
        var (at, leeway) = (now.ToUnixTimeSeconds(), (long)s_leeway.TotalSeconds);
        if (at > exp + leeway || iat > at + leeway || exp - iat > (long)s_lifetime.TotalSeconds)
            return SiteTokenResult.WrongTime;
        return CompactJws.Text(jwt, "htm") == method && CompactJws.Text(jwt, "htu") == path && CompactJws.Text(jwt, "bh") == Hash(body)
            ? SiteTokenResult.Valid : SiteTokenResult.WrongCall;
    }

    /// <summary>The same with any of a site's keys; what is said is of the one that signed it, else of the first.</summary>
    /// <param name="pem">As <see cref="SiteKey.ParseAll"/> takes it.</param>
    public static SiteTokenResult VerifyAny(
        string token, string pem, string audience, string method, string path, ReadOnlySpan<byte> body, DateTimeOffset now)
    {
        var result = SiteTokenResult.WrongSignature;
        foreach (var key in SiteKey.ParseAll(pem))
            using (key)
                if (result == SiteTokenResult.WrongSignature)
                    result = Verify(token, key, audience, method, path, body, now);
        return result;
    }

    private static string Hash(ReadOnlySpan<byte> body) => Base64UrlEncoder.Encode(SHA256.HashData(body));
}
