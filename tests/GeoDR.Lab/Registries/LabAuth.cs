using System.Security.Cryptography.X509Certificates;

namespace GeoDR.Lab.Registries;

/// <summary>Someone with a password; <see cref="May"/> decides over (type, name, action).</summary>
public sealed record LabUser(string Name, string Password)
{
    public Func<string, string, string, bool> May { get; init; } = (_, _, _) => true;
}

/// <summary>How the registry knows its clients.</summary>
public abstract record LabAuth
{
    public static LabAuth None { get; } = new LabNoAuth();
}

public sealed record LabNoAuth : LabAuth;

/// <summary>Basic credentials on every request.</summary>
public sealed record LabBasicAuth(params IReadOnlyList<LabUser> Users) : LabAuth;

/// <summary>Bearer tokens from a token service: the registry's own (<c>/token</c>), which gives them for basic credentials.</summary>
public sealed record LabTokenServiceAuth(params IReadOnlyList<LabUser> Users) : LabAuth
{
    public string Service { get; init; } = "lab-registry";
    public string Issuer { get; init; } = "lab-issuer";
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromMinutes(5);
    public TimeSpan Leeway { get; init; } = TimeSpan.Zero;
    /// <summary>Named as the realm in challenges instead of the registry's own, such as a realm that nobody configured.</summary>
    public string? Realm { get; init; }
}

/// <summary>Bearer tokens that somebody else signs, verified as Distribution does with <c>rootcertbundle</c>.</summary>
public sealed record LabJwtAuth(string Realm, string Service, string Issuer, params IReadOnlyList<X509Certificate2> Roots) : LabAuth
{
    /// <summary>Distribution allows 60 s on exp and nbf.</summary>
    public TimeSpan Leeway { get; init; } = TimeSpan.FromSeconds(60);
}

/// <summary>One entry of a token's access claim.</summary>
public sealed record TokenAccess(string Type, string Name, IReadOnlyList<string> Actions)
{
    public static TokenAccess Repository(string name, params IReadOnlyList<string> actions) => new("repository", name, actions);

    public static TokenAccess Catalog { get; } = new("registry", "catalog", ["*"]);

    public override string ToString() => $"{Type}:{Name}:{string.Join(',', Actions)}";

    /// <summary>Null when the scope is malformed. The name may hold colons, the type and the actions may not.</summary>
    public static TokenAccess? Parse(string scope)
    {
        ArgumentNullException.ThrowIfNull(scope);
        int first = scope.IndexOf(':', StringComparison.Ordinal), last = scope.LastIndexOf(':');
        return first <= 0 || last <= first
            ? null
            : new(scope[..first], scope[(first + 1)..last], scope[(last + 1)..].Split(',', StringSplitOptions.RemoveEmptyEntries));
    }
}
