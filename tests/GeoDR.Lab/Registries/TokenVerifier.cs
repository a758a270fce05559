using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;

namespace GeoDR.Lab.Registries;

/// <summary>An accepted token.</summary>
sealed record VerifiedToken(string Subject, IReadOnlyList<TokenAccess> Access);

/// <summary>Verifies a registry token as strictly as Distribution 2.8.2: a plain string audience, integer times, x5c to a trusted root.</summary>
static class TokenVerifier
{
    /// <summary>Null when the token must be refused, for whatever reason: registries do not say why.</summary>
    public static VerifiedToken? Verify(string token, string issuer, string service, IReadOnlyList<X509Certificate2> roots,
        TimeSpan leeway, DateTimeOffset now)
    {
        try
        {
            var parts = token.Split('.');
            if (parts.Length != 3)
            {
                return null;
            }

            using var header = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[0]));
            if (!SignatureHolds(header.RootElement, parts, roots, now))
            {
                return null;
            }

            using var claims = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[1]));
            return Read(claims.RootElement, issuer, service, leeway, now);
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException or KeyNotFoundException
            or CryptographicException)
        {
            return null;
        }
    }

    static bool SignatureHolds(JsonElement header, string[] parts, IReadOnlyList<X509Certificate2> roots, DateTimeOffset now)
    {
        var chain = header.GetProperty("x5c").EnumerateArray()
            .Select(c => X509CertificateLoader.LoadCertificate(Convert.FromBase64String(c.GetString()!))).ToList();
        var leaf = chain[0];
        if (!IsTrusted(leaf, chain, roots, now))
        {
            return false;
        }

        var bytes = Encoding.ASCII.GetBytes(parts[0] + "." + parts[1]);
        var signature = Base64Url.DecodeFromChars(parts[2]);
        using var rsa = leaf.GetRSAPublicKey();
        using var ecdsa = leaf.GetECDsaPublicKey();
        return header.GetProperty("alg").GetString() switch
        {
            "RS256" => rsa?.VerifyData(bytes, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1) == true,
            "ES256" => ecdsa?.VerifyData(bytes, signature, HashAlgorithmName.SHA256,
                DSASignatureFormat.IeeeP1363FixedFieldConcatenation) == true,
            _ => false,
        };
    }

    static bool IsTrusted(X509Certificate2 leaf, List<X509Certificate2> sent, IReadOnlyList<X509Certificate2> roots, DateTimeOffset now)
    {
        if (roots.Any(r => r.RawDataMemory.Span.SequenceEqual(leaf.RawDataMemory.Span)))
        {
            return true;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.VerificationTime = now.UtcDateTime;
        chain.ChainPolicy.CustomTrustStore.AddRange(roots.ToArray());
        chain.ChainPolicy.ExtraStore.AddRange(sent.ToArray());
        return chain.Build(leaf);
    }

    static VerifiedToken? Read(JsonElement claims, string issuer, string service, TimeSpan leeway, DateTimeOffset now)
    {
        // GetString throws on an array and GetInt64 on a fraction: 2.8.2 answers both with 401.
        var expires = DateTimeOffset.FromUnixTimeSeconds(claims.GetProperty("exp").GetInt64());
        var notBefore = claims.TryGetProperty("nbf", out var nbf) ? DateTimeOffset.FromUnixTimeSeconds(nbf.GetInt64()) : DateTimeOffset.MinValue;
        if (claims.GetProperty("iss").GetString() != issuer || claims.GetProperty("aud").GetString() != service
            || now >= expires + leeway || now < notBefore - (notBefore > DateTimeOffset.MinValue ? leeway : TimeSpan.Zero))
        {
            return null;
        }

        var access = claims.TryGetProperty("access", out var list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray().Select(a => new TokenAccess(a.GetProperty("type").GetString()!, a.GetProperty("name").GetString()!,
                [.. a.GetProperty("actions").EnumerateArray().Select(x => x.GetString()!)])).ToList()
            : [];
        return new VerifiedToken(claims.TryGetProperty("sub", out var sub) ? sub.GetString() ?? "" : "", access);
    }
}
