namespace GeoDR.Configuration;

/// <summary>Who signs the tokens for the primary's registry: <c>Geo:Primary:Registry:TokensFrom</c>, and the same below <c>Geo:Peers:NAME:Registry</c>.</summary>
internal static class TokensFrom
{
    public const string Self = "self";
    public const string Primary = "primary";

    /// <summary>Whether the primary is asked for them: where that is set, and by default where this site signs none and has a key to ask with.</summary>
    public static bool IsPrimary(RegistrySettings registry, GeoSettings settings) => registry.TokensFrom switch
    {
        Primary => true,
        Self => false,
        _ => registry.Username is null && settings.Tokens.KeyFile is null && settings.SiteKeyFile is not null,
    };

    public static IEnumerable<Fault> Faults(GeoSettings settings) => settings.Peers
        .Select(p => (Key: $"Geo:Peers:{p.Name}:Registry", p.Registry)).Prepend((Key: "Geo:Primary:Registry", Registry: settings.PrimaryRegistry))
        .Where(r => r.Registry is not null).SelectMany(r => Faults(r.Key, r.Registry!, settings));

    private static IEnumerable<Fault> Faults(string key, RegistrySettings registry, GeoSettings settings)
    {
        if (registry.TokensFrom is not (null or Self or Primary))
            yield return new($"{key}:TokensFrom", $"is '{registry.TokensFrom}'; write self or primary");
        if (registry is { TokensFrom: not null, Username: not null })
            yield return new($"{key}:TokensFrom", $"is given beside {key}:Username; keep one");
        if (registry.TokensFrom == Self && settings.Tokens.KeyFile is null)
            yield return new("Geo:Tokens:KeyFile", $"is missing; {key}:TokensFrom is self, so this site signs the tokens: set Geo:Tokens:*, or write primary");
        if (registry.TokensFrom == Primary && settings.SiteKeyFile is null)
            yield return new("Geo:Site:KeyFile", $"is missing; {key}:TokensFrom is primary, and this site asks with its own key: make one with `geodr key new`");
        if (registry.TokensFrom == Primary && key == "Geo:Primary:Registry" && settings.PrimaryUrl is null)
            yield return new("Geo:Primary:Url", $"is missing; {key}:TokensFrom is primary, and its GeoDR is asked there");
    }
}
