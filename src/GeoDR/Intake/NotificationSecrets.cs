using System.Security.Cryptography;
using System.Text;

namespace GeoDR.Intake;

/// <summary>The secrets a registry may send; several at a time, so that they can be rotated.</summary>
public sealed class NotificationSecrets(IEnumerable<string> secrets)
{
    private readonly byte[][] _hashes = [.. secrets.Select(s => SHA256.HashData(Encoding.UTF8.GetBytes(s)))];

    /// <summary>Compares the Authorization header, bare or as Bearer, with every secret, in a time that says nothing.</summary>
    public bool Accepts(string? authorization)
    {
        if (string.IsNullOrEmpty(authorization))
            return false;
        const string bearer = "Bearer ";
        var sent = authorization.StartsWith(bearer, StringComparison.OrdinalIgnoreCase) ? authorization[bearer.Length..] : authorization;
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(sent.Trim()));
        var found = false;
        foreach (var secret in _hashes)
            found |= CryptographicOperations.FixedTimeEquals(hash, secret);
        return found;
    }
}
