using GeoDR.Configuration;
using GeoDR.Sites;
using GeoDR.Tokens;
using Npgsql;

namespace GeoDR.Failover;

/// <summary>An invitation, for whoever asked for it: kept here without the line itself.</summary>
/// <param name="Line">Whoever has it can join under the invited name, once.</param>
/// <param name="Words">What is to be done with it.</param>
internal sealed record MadeInvitation(string Line, DateTimeOffset Until, string Words)
{
    /// <summary>What is run at the new site.</summary>
    public string Command => $"geodr site join {Line}";
}

/// <summary>The one place where a primary invites a site.</summary>
internal sealed class InvitationStart(GeoSettings settings, NpgsqlDataSource source)
{
    /// <summary>Why no site may be called so; null where one may.</summary>
    public string? NameFault(string? name) => name is null || !SettingsReader.IsSiteName(name) || name == settings.SiteName
        ? $"'{name}' is no name for another site: 1 to 63 letters, digits, '-', '_' or '.'." : null;

    /// <summary>What this site lacks to invite that one.</summary>
    public IReadOnlyList<Fault> Faults(string name)
    {
        var faults = new List<Fault>();
        if (settings.SiteKeyFile is null)
            faults.Add(new("Geo:Site:KeyFile", "is missing; an invitation names this site's key, make one with `geodr key new`"));
        if (settings.SiteUrl is null)
            faults.Add(new("Geo:Site:Url", "is missing; an invitation names where this site is called"));
        if (settings.Peers.Any(p => p.Name == name && p.PublicKeyFile is not null))
            faults.Add(new($"Geo:Peers:{name}:PublicKeyFile", $"names {name}'s key already, and would win over the one it joins with; remove it"));
        return faults;
    }

    /// <exception cref="RoleChangedException">This site cannot invite that one.</exception>
    public async Task<MadeInvitation> MakeAsync(string name, bool mayPromote, string by, CancellationToken cancel)
    {
        if ((NameFault(name) ?? string.Join(' ', Faults(name).Select(f => $"{f}."))) is { Length: > 0 } fault)
            throw new RoleChangedException(fault);
        if (await new SiteStore(source).ReadAsync(cancel) is not { IsPrimary: true, IsFenced: false })
            throw new RoleChangedException("This site is no confirmed primary: invite at the primary.");
        var known = await new SiteBook(source).FindAsync(name, cancel);
        using var key = SiteKey.Load(settings.SiteKeyFile!);
        var (made, until) = await new Invitations(source).NewAsync(name, mayPromote, by, cancel);
        var line = new Invitation(made.Id, name, settings.SiteName, settings.SiteUrl!.AbsoluteUri.TrimEnd('/'), key.PublicPem, made.Secret, until).ToString();
        return new(
            line, until,
            $"Run `geodr site join` with this line at {name} before {until.UtcDateTime:HH:mm} UTC. It counts once, and whoever has it can join as {name}."
            + (known?.PublicKey is null ? "" : $" {name} is known already: joining replaces its key."));
    }
}
