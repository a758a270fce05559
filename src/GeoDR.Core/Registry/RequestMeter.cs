namespace GeoDR.Registry;

/// <summary>Counts the requests to registries that a piece of work makes, wherever it makes them.</summary>
public sealed class RequestMeter
{
    private static readonly AsyncLocal<RequestMeter?> s_current = new();
    private long _count;

    public long Count => Interlocked.Read(ref _count);

    /// <summary>Counts from now on what the caller's flow sends, and what it starts.</summary>
    public static RequestMeter Begin() => s_current.Value = new();

    internal static void Sent()
    {
        if (s_current.Value is { } meter)
            Interlocked.Increment(ref meter._count);
    }
}
