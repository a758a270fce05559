using System.Security.Cryptography;
using System.Text;
using GeoDR.Secrets;

namespace GeoDR.Intake;

/// <summary>The secrets a registry may send; several at a time, so that they can be rotated.</summary>
public sealed class NotificationSecrets(Secret<string[]> secrets)
{
    private volatile Known? _known;

    private sealed record Known(string[] Secrets, byte[][] Hashes);

    /// <summary>Compares the Authorization header, bare or as Bearer, with every secret, in a time that says nothing.</summary>
    /// <param name="basic">Also takes it as the password of a name, whatever the name: some senders can do no other.</param>
    public bool Accepts(string? authorization, bool basic = false)
    {
        if (string.IsNullOrEmpty(authorization))
            return false;
        const string bearer = "Bearer ";
        var sent = authorization.StartsWith(bearer, StringComparison.OrdinalIgnoreCase) ? authorization[bearer.Length..]
            : basic && PasswordOf(authorization) is { } password ? password : authorization;
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(sent.Trim()));
        var found = false;
        foreach (var secret in Hashes())
            found |= CryptographicOperations.FixedTimeEquals(hash, secret);
        return found;
    }

    private byte[][] Hashes()
    {
        var now = secrets.Value;
        var known = _known?.Secrets == now ? _known : _known = new(now, [.. now.Select(s => SHA256.HashData(Encoding.UTF8.GetBytes(s)))]);
        return known.Hashes;
    }

    private static string? PasswordOf(string authorization)
    {
        const string scheme = "Basic ";
        if (!authorization.StartsWith(scheme, StringComparison.OrdinalIgnoreCase))
            return null;
        var bytes = new byte[authorization.Length];
        if (!Convert.TryFromBase64String(authorization[scheme.Length..].Trim(), bytes, out var length))
            return null;
        var pair = Encoding.UTF8.GetString(bytes, 0, length);
        return pair.IndexOf(':', StringComparison.Ordinal) is >= 0 and var colon ? pair[(colon + 1)..] : null;
    }
}
