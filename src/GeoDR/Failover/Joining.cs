using System.Text;
using System.Text.Json;
using GeoDR.Configuration;
using GeoDR.Sites;
using GeoDR.Tokens;

namespace GeoDR.Failover;

/// <summary>A site joins by an invitation: what it says of itself, as JSON, and the proof that it was invited.</summary>
/// <param name="Body">A <see cref="JoinRequest"/>.</param>
internal sealed record JoinCall(string Body, string Mac)
{
    public const string Path = "/api/v1/sites/join";

    /// <summary>Nothing is read from what is not wholly understood.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        AllowDuplicateProperties = false, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true,
    };

    /// <summary>Null for what is no JSON of that kind.</summary>
    public static T? Read<T>(ReadOnlySpan<byte> json) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json, Json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <param name="PublicKey">In PEM: the key that signs the call, and from then on all calls of the site.</param>
internal sealed record JoinRequest(Guid Invitation, string PublicKey, string? Url, string? RegistryUrl);

/// <summary>The answer, signed by the key that the invitation pins.</summary>
/// <param name="Body">A <see cref="Welcome"/>, as JSON.</param>
/// <param name="Signature">A <see cref="SiteToken"/> over it.</param>
internal sealed record JoinAnswer(string Body, string Signature);

/// <summary>Who the sites are, and the newest terms.</summary>
internal sealed record Welcome(Guid Invitation, IReadOnlyList<KnownSite> Sites, IReadOnlyList<string> Terms);

/// <summary>An answer that the invitation does not vouch for.</summary>
internal sealed class UntrustedAnswerException(string message) : Exception(message);

/// <summary>What the joining site does.</summary>
internal static class Joining
{
    private const int MostSites = 1000;

    /// <summary>Asks to be let in, and writes into the book what the inviting site answers.</summary>
    /// <exception cref="HttpRequestException">It does not answer, or refuses.</exception>
    /// <exception cref="UntrustedAnswerException"/>
    public static async Task JoinAsync(Invitation invitation, GeoSettings settings, SiteKey key, SiteClient client, SiteBook book, TermStore terms, TimeProvider time, CancellationToken cancel)
    {
        var own = SettingsBook.Own(settings);
        var body = JsonSerializer.Serialize(new JoinRequest(invitation.Id, key.PublicPem, own.Url, own.RegistryUrl), JoinCall.Json);
        var answer = await client.CallAsync<JoinAnswer>(
            new(invitation.Site, new Uri(invitation.Url)), HttpMethod.Post, JoinCall.Path, new JoinCall(body, Invitation.Mac(invitation.Secret, body)), cancel);
        var welcome = Trust(invitation, settings.SiteName, answer, time.GetUtcNow());
        await book.JoinAsync(new(
            invitation.Site, invitation.Url, invitation.PublicKey, welcome.Sites.FirstOrDefault(s => s.Name == invitation.Site)?.MayPromote ?? true, false, "joined",
            welcome.Sites.FirstOrDefault(s => s.Name == invitation.Site)?.RegistryUrl), cancel);
        await book.TellAsync([.. welcome.Sites.Where(s => s.Name != invitation.Site && s.Name != settings.SiteName)], cancel);
        foreach (var term in welcome.Terms)
            await terms.HearAsync(term, cancel);
    }

    private static Welcome Trust(Invitation invitation, string name, JoinAnswer answer, DateTimeOffset now)
    {
        using var pinned = SiteKey.ParsePublic(invitation.PublicKey);
        var bytes = Encoding.UTF8.GetBytes(answer.Body ?? "");
        if (answer.Signature is null || SiteToken.Verify(answer.Signature, pinned, name, HttpMethod.Post.Method, JoinCall.Path, bytes, now) != SiteTokenResult.Valid)
            throw new UntrustedAnswerException($"{invitation.Url} answered what {invitation.Site}'s key did not sign: somebody else answers there, or the clocks differ");
        return JoinCall.Read<Welcome>(bytes) is { Sites.Count: < MostSites, Terms.Count: < MostSites } welcome && welcome.Invitation == invitation.Id
            ? welcome : throw new UntrustedAnswerException($"{invitation.Url} answered another call than this one");
    }
}
