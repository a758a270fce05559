using System.Text.RegularExpressions;

namespace GeoDR.Lab.Faults;

/// <summary>What an <see cref="HttpFaultProxy"/> does to the next requests that match. With <see cref="Status"/> the target never sees
/// them; otherwise they pass, with the faults named here.</summary>
public sealed class HttpFaultRule
{
    int _left = int.MaxValue;
    int _hits;
    int _seen;
    readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Null: any.</summary>
    public string? Method { get; init; }
    /// <summary>A regular expression over path and query.</summary>
    public string Path { get; init; } = "";
    /// <summary>How many requests it takes.</summary>
    public int Times { get => _left; init => _left = value; }
    /// <summary>Let this many matching requests pass first.</summary>
    public int Skip { get; init; }
    /// <summary>Waited before anything else.</summary>
    public TimeSpan Delay { get; init; }
    /// <summary>Answers instead of the target.</summary>
    public int? Status { get; init; }
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();
    public string Body { get; init; } = "";
    /// <summary>The connection to the client is cut after this many bytes of the answer's body.</summary>
    public long? CutResponseAfter { get; init; }
    /// <summary>Both sides are cut after this many bytes of the request's body reached the target.</summary>
    public long? CutRequestAfter { get; init; }
    /// <summary>The answer's body stops after this many bytes, until <see cref="Release"/> or the client gives up.</summary>
    public long? StallResponseAfter { get; init; }

    /// <summary>Requests that it took.</summary>
    public int Hits => Volatile.Read(ref _hits);

    internal Task Released => _released.Task;

    public void Release() => _released.TrySetResult();

    internal bool Take(string method, string pathAndQuery)
    {
        if ((Method is not null && Method != method) || !Regex.IsMatch(pathAndQuery, Path))
        {
            return false;
        }

        if (Interlocked.Increment(ref _seen) <= Skip)
        {
            return false;
        }

        if (Interlocked.Decrement(ref _left) < 0)
        {
            Interlocked.Increment(ref _left);
            return false;
        }

        Interlocked.Increment(ref _hits);
        return true;
    }
}
