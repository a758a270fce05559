using System.Net.Http.Headers;
using GeoDR.Secrets;

namespace GeoDR.Registry;

/// <summary>How one registry is reached.</summary>
public sealed record RegistryOptions
{
    /// <summary>As it is called in errors and outages.</summary>
    public required string Name { get; init; }
    public required Uri Url { get; init; }
    public string? Username { get; init; }
    public Secret<string>? Password { get; init; }
    /// <summary>The tokens' <c>aud</c>; by default what the challenge names.</summary>
    public string? Service { get; init; }
    /// <summary>Hosts that a challenge may send credentials to, besides the registry's own.</summary>
    public IReadOnlyList<string> Realms { get; init; } = [];
    /// <summary>Hosts that blobs may be redirected to, besides the registry's own; <c>*.</c> before a name takes all below it. Any where none is named.</summary>
    public IReadOnlyList<string> BlobHosts { get; init; } = [];
    /// <summary>Null: the system's authorities, and no certificate is shown.</summary>
    public Secret<RegistryCertificates>? Certificates { get; init; }
    public bool AllowHttp { get; init; }
    public int Connections { get; init; } = 32;
    /// <summary>Until the answer's headers.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(30);
    /// <summary>How long a transfer may be silent.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);
    /// <summary>The name that a repository has at this registry.</summary>
    public Func<string, string> NameAt { get; init; } = name => name;
    public string UserAgent { get; init; } = "geodr";
    public TimeProvider Time { get; init; } = TimeProvider.System;
}

/// <summary>What a request may do: one repository, or the catalog where <see cref="Repository"/> is null.</summary>
public sealed record Scope(string? Repository, bool Push)
{
    public static Scope Catalog { get; } = new(null, false);

    /// <summary>May delete manifests and tags instead of pushing.</summary>
    public bool Delete { get; init; }

    /// <summary>As tokens name them.</summary>
    public IReadOnlyList<string> Actions => Repository is null ? ["*"] : Delete ? ["pull", "delete"] : Push ? ["pull", "push"] : ["pull"];

    /// <summary>As token services write it (Distribution, "Token Scope Documentation").</summary>
    public override string ToString() => Repository is null ? "registry:catalog:*" : $"repository:{Repository}:{string.Join(',', Actions)}";
}

/// <summary>How a registry asks for credentials: the <c>WWW-Authenticate</c> of its API root.</summary>
public sealed record AuthChallenge(string Scheme, string? Realm, string? Service);

/// <summary>Where the Authorization of a request comes from.</summary>
public interface ITokenSource
{
    /// <param name="renew">The last one was refused: do not answer from a cache.</param>
    ValueTask<AuthenticationHeaderValue?> GetAsync(IReadOnlyList<Scope> scopes, bool renew, CancellationToken cancel);
}
