namespace GeoDR.Lab;

/// <summary>Token auth of a registry.</summary>
public sealed record TokenAuth(Uri Realm, string Service, string Issuer, string RootCertificateBundle);

/// <summary>Basic auth of a registry.</summary>
public sealed record BasicAuth(string User, string Password);

/// <summary>One endpoint that a registry notifies.</summary>
public sealed record NotificationEndpoint(string Name, Uri Url, string? Secret)
{
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Tries at once before each further one waits for <see cref="Backoff"/>.</summary>
    public int Threshold { get; init; } = 5;

    public TimeSpan Backoff { get; init; } = TimeSpan.FromSeconds(1);
}

/// <summary>How a CNCF Distribution registry is set up.</summary>
public sealed record DistributionOptions
{
    public int? Port { get; init; }

    public TokenAuth? Token { get; init; }

    public BasicAuth? Basic { get; init; }

    /// <summary>Serves https alone, to clients with a certificate of that authority.</summary>
    public LabCertificates? Tls { get; init; }

    public IReadOnlyList<NotificationEndpoint> Notifications { get; init; } = [];

    /// <summary>Events name what a manifest refers to, with sizes.</summary>
    public bool IncludeReferences { get; init; } = true;

    public bool DeleteEnabled { get; init; } = true;

    public string LogLevel { get; init; } = "error";
}
