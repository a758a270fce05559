namespace GeoDR.Notifications;

/// <summary>Whose notification it is: each sender has a shape of its own, and so a path and a parser of its own.</summary>
public static class NotificationFormats
{
    public const string Distribution = "distribution";
    public const string Harbor = "harbor";
    public const string Zot = "zot";
    public const string Acr = "acr";

    /// <summary>Sorts a body by its sender's parser; never throws on what a sender wrote.</summary>
    public static Envelope Parse(string format, ReadOnlyMemory<byte> body) => format switch
    {
        Distribution => DistributionEnvelope.Parse(body),
        Harbor => HarborEnvelope.Parse(body),
        Zot => ZotEnvelope.Parse(body),
        Acr => AcrEnvelope.Parse(body),
        _ => new Envelope([], 0, [$"this version knows no sender '{Fields.Short(format)}'"]),
    };
}
