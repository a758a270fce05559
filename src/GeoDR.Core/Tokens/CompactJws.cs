using System.IdentityModel.Tokens.Jwt;
using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace GeoDR.Tokens;

/// <summary>Reads what a site signed (RFC 7515, section 3.1), in ES256 alone.</summary>
internal static class CompactJws
{
    /// <summary>Null when it is none; nothing in it is proven yet.</summary>
    public static JwtSecurityToken? Read(string token)
    {
        try
        {
            return new JwtSecurityTokenHandler().ReadJwtToken(token);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidCastException or Newtonsoft.Json.JsonException)
        {
            return null;
        }
    }

    public static bool SignatureHolds(JwtSecurityToken jwt, ECDsa key)
    {
        try
        {
            var signed = System.Text.Encoding.ASCII.GetBytes($"{jwt.RawHeader}.{jwt.RawPayload}");
            return key.VerifyData(signed, Base64UrlEncoder.DecodeBytes(jwt.RawSignature), HashAlgorithmName.SHA256);
        }
        catch (Exception e) when (e is FormatException or CryptographicException or ArgumentException)
        {
            return false;
        }
    }

    public static long? Number(JwtSecurityToken jwt, string name) =>
        jwt.Payload.TryGetValue(name, out var value) && value is long or int ? Convert.ToInt64(jwt.Payload[name]) : null;

    public static string? Text(JwtSecurityToken jwt, string name) => jwt.Payload.TryGetValue(name, out var value) ? value as string : null;
}
