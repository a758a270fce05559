using System.Buffers;
using GeoDR.Dashboard.Access;
using GeoDR.EventLog;
using GeoDR.Notifications;

namespace GeoDR.Intake;

/// <summary>The answer to a notification.</summary>
/// <param name="Accepted">Events that are in the log now.</param>
/// <param name="Ignored">Understood, and of no use: pulls, blobs, own writes.</param>
/// <param name="Quarantined">Events, or 1 for an envelope, that could not be understood and were kept.</param>
public sealed record IntakeAnswer(int Accepted, int Ignored, int Quarantined, IReadOnlyList<string> Problems);

/// <summary>Where the events of an envelope go: a primary's log, or a secondary's divergent writes.</summary>
public interface IEventSink
{
    /// <summary>How many events were dropped as this site's own writes; null when they could not be kept in time.</summary>
    Task<int?> KeepAsync(IReadOnlyList<NewEvent> events, QuarantinedBody? quarantined, TimeSpan within, CancellationToken cancel);
}

/// <summary>
/// Takes a registry's notifications. Any 4xx or 5xx blocks the sender's queue for ever, so what cannot be understood is kept
/// aside and answered 200; 503 only when nothing can be kept.
/// </summary>
public static class IntakeEndpoint
{
    private const int MaxBody = 4 * 1024 * 1024;
    private const int KeptHead = 64 * 1024;
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(380);

    public static void MapIntake(this IEndpointRouteBuilder routes)
    {
        // A registry sends one event in each request: the dashboard's cookies, policies and headers would cost more than the event.
        Map("/api/v4/container_registry_event/events", NotificationFormats.Distribution);
        Map("/api/v1/notifications", NotificationFormats.Distribution);
        foreach (var format in new[] { NotificationFormats.Harbor, NotificationFormats.Zot, NotificationFormats.Acr })
            Map($"/api/v1/notifications/{format}", format);

        void Map(string path, string format) => routes.MapPost(
            path, (HttpContext http, NotificationSecrets secrets, IEventSink sink, TimeProvider time) => HandleAsync(format, http, secrets, sink, time)).ShortCircuit();
    }

    private static async Task<IResult> HandleAsync(string format, HttpContext http, NotificationSecrets secrets, IEventSink sink, TimeProvider time)
    {
        try
        {
            return await TakeAsync(format, http, secrets, sink, time);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException and not BadHttpRequestException)
        {
            // The sender went away, as one does whose own timeout passed: nobody is left to answer, and nothing is wrong here.
            return Results.StatusCode(StatusCodes.Status499ClientClosedRequest);
        }
    }

    private static async Task<IResult> TakeAsync(string format, HttpContext http, NotificationSecrets secrets, IEventSink sink, TimeProvider time)
    {
        var cancel = http.RequestAborted;
        // Earlier versions of zot can send nothing but a name and a password.
        if (!secrets.Accepts(http.Request.Headers.Authorization, basic: format == NotificationFormats.Zot))
        {
            http.Note(RefusalKinds.Notification);
            return Results.Problem(statusCode: 401, title: "The notification secret is wrong",
                detail: "Set the Authorization header that the registry sends to one of Geo:Notifications:Secrets.");
        }
        var arrived = time.GetTimestamp();
        var (body, tooLong) = await ReadAsync(http.Request, cancel);
        if (format == NotificationFormats.Zot && !tooLong)
            body = Structured(http.Request, body);
        var envelope = tooLong
            ? new Envelope([], 0, [$"longer than {MaxBody / 1024 / 1024} MiB; its first {KeptHead / 1024} KiB were kept"])
            : NotificationFormats.Parse(format, body);
        if (envelope.Problems.Count == 0 && envelope.Events.Count == 0)
            return Results.Ok(new IntakeAnswer(0, envelope.Ignored, 0, []));
        var aside = envelope.Problems.Count == 0 ? null
            : new QuarantinedBody(
                tooLong ? body[..Math.Min(KeptHead, body.Length)] : body, tooLong, envelope.Problems, http.Connection.RemoteIpAddress?.ToString(), format);
        var own = await sink.KeepAsync(envelope.Events, aside, s_patience - time.GetElapsedTime(arrived), cancel);
        return own is { } dropped
            ? Results.Ok(new IntakeAnswer(envelope.Events.Count - dropped, envelope.Ignored + dropped, envelope.Problems.Count, envelope.Problems))
            : Results.Problem(statusCode: 503, title: "The event log cannot be written now", detail: "Send again; nothing was lost.");
    }

    // zot's HTTP sink puts an event's type and id into headers.
    private static ReadOnlyMemory<byte> Structured(HttpRequest request, ReadOnlyMemory<byte> body) =>
        request.Headers.ContainsKey("ce-type") ? CloudEvent.Structured(name => request.Headers[$"ce-{name}"] is { Count: > 0 } value ? value.ToString() : null, body) : body;

    private static async Task<(ReadOnlyMemory<byte> Body, bool TooLong)> ReadAsync(HttpRequest request, CancellationToken cancel)
    {
        var reader = request.BodyReader;
        while (true)
        {
            var read = await reader.ReadAsync(cancel);
            if (read.Buffer.Length > MaxBody)
            {
                var head = read.Buffer.Slice(0, KeptHead).ToArray();
                reader.AdvanceTo(read.Buffer.End);
                await DrainAsync(request, cancel);
                return (head, true);
            }
            if (read.IsCompleted)
            {
                var body = read.Buffer.ToArray();
                reader.AdvanceTo(read.Buffer.End);
                return (body, false);
            }
            reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    // A sender that is answered before it has finished may see a reset instead of the answer.
    private static async Task DrainAsync(HttpRequest request, CancellationToken cancel)
    {
        const long most = 256 * 1024 * 1024;
        for (long drained = 0; drained < most;)
        {
            var read = await request.BodyReader.ReadAsync(cancel);
            drained += read.Buffer.Length;
            request.BodyReader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
                return;
        }
    }
}
