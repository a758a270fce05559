using GeoDR.Verification;

namespace GeoDR.Configuration;

/// <summary>How much is looked at, how often, and at what price: <c>Geo:Verification</c>.</summary>
public sealed record VerificationSettings
{
    internal const string DefaultBytes = "20MB/s";

    /// <summary>After each sync and by schedule; false: only what is asked for. Default true.</summary>
    public bool Automatic { get; init; } = true;
    /// <summary>Everything, without reading blobs; default 7 days.</summary>
    public TimeSpan Every { get; init; } = VerificationPlan.Default.Every;
    /// <summary>Everything, with every byte; default 30 days.</summary>
    public TimeSpan DeepEvery { get; init; } = VerificationPlan.Default.DeepEvery;
    /// <summary>To both registries, over all processes of the site; default 50.</summary>
    public int RequestsPerSecond { get; init; } = 50;
    /// <summary>Read from the own registry, over all processes of the site; default 20 MB/s, null unlimited.</summary>
    public double? BytesPerSecond { get; init; } = 20e6;

    public VerificationPlan Plan => new(Automatic, Every, DeepEvery);
}
