using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace GeoDR.Failover;

/// <summary>One line that lets one site join, once: it pins the inviting site's key, and holds the secret that the joining one answers with.</summary>
/// <param name="Name">The site that is invited.</param>
/// <param name="Site">The site that invites, its URL, and its public key in PEM.</param>
/// <param name="Until">When it ends, by the inviting site's clock; that site decides.</param>
public sealed record Invitation(Guid Id, string Name, string Site, string Url, string PublicKey, byte[] Secret, DateTimeOffset Until)
{
    private const string Prefix = "geodr-invitation-1-";
    private const int Longest = 8192;
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true };

    /// <summary>The line; whoever has it can join.</summary>
    public override string ToString() => Prefix + Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(this, s_json));

    /// <summary>False for what is no invitation, or not a whole one.</summary>
    public static bool TryParse(string line, [NotNullWhen(true)] out Invitation? invitation)
    {
        invitation = null;
        line = line.Trim();
        if (line.Length > Longest || !line.StartsWith(Prefix, StringComparison.Ordinal))
            return false;
        try
        {
            invitation = JsonSerializer.Deserialize<Invitation>(Base64Url.DecodeFromChars(line.AsSpan(Prefix.Length)), s_json);
            return invitation is not null;
        }
        catch (Exception e) when (e is FormatException or JsonException)
        {
            return false;
        }
    }

    /// <summary>Proves that who wrote this knows the invitation's secret, without telling it.</summary>
    public static string Mac(byte[] secret, string text) => Base64Url.EncodeToString(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(text)));

    /// <summary>Whether it does.</summary>
    public static bool MacHolds(byte[] secret, string text, string mac) =>
        CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Mac(secret, text)), Encoding.UTF8.GetBytes(mac));
}
