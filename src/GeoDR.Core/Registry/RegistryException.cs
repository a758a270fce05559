using System.Net;

namespace GeoDR.Registry;

/// <summary>One of a registry's own errors (OCI distribution specification 1.1, "Error Codes").</summary>
public sealed record RegistryError(string Code, string Message, string? Detail);

/// <summary>A registry answered with an error, or not at all.</summary>
public sealed class RegistryException : Exception
{
    public RegistryException(
        string registry, HttpMethod method, Uri uri, HttpStatusCode? status, IReadOnlyList<RegistryError> errors, string reason,
        TimeSpan? retryAfter = null, Exception? inner = null)
        : base($"{registry}: {method} {uri.GetLeftPart(UriPartial.Path)}: {reason}", inner) =>
        (Registry, Method, Uri, Status, Errors, RetryAfter) = (registry, method, uri, status, errors, retryAfter);

    /// <summary>The message without the registry's name, for a line that begins with it.</summary>
    public string Call => Message[(Registry.Length + 2)..];

    /// <summary>The name of the registry.</summary>
    public string Registry { get; }
    public HttpMethod Method { get; }
    public Uri Uri { get; }
    /// <summary>Null when there was no answer: refused, reset, or too late.</summary>
    public HttpStatusCode? Status { get; }
    public IReadOnlyList<RegistryError> Errors { get; }
    public TimeSpan? RetryAfter { get; }
    /// <summary>Whoever issues the tokens failed, for every repository alike; the registry was not asked.</summary>
    public bool IsOfIssuer { get; init; }
    public bool IsUnreachable => Status is null;
    /// <summary>Set where certificates are the reason that there was no answer.</summary>
    public TlsFault? Tls => TlsFaults.Of(InnerException);
    public bool IsRefused => Status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden;

    public bool HasCode(string code) => Errors.Any(e => e.Code == code);
}
