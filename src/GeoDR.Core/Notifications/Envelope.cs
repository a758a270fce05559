using GeoDR.EventLog;

namespace GeoDR.Notifications;

/// <summary>What an envelope holds, sorted.</summary>
/// <param name="Events">Understood, and of use.</param>
/// <param name="Ignored">Understood, and of none: pulls, blobs, mounts.</param>
/// <param name="Problems">One line for each event, or for the envelope, that could not be understood.</param>
public sealed record Envelope(IReadOnlyList<NewEvent> Events, int Ignored, IReadOnlyList<string> Problems);
