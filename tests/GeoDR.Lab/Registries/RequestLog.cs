namespace GeoDR.Lab.Registries;

/// <summary>One request that the registry (or its object storage) received.</summary>
public sealed class RequestRecord
{
    bool _ended;

    public required DateTimeOffset At { get; init; }
    public required string Method { get; init; }
    public required RequestKind Kind { get; init; }
    /// <summary>Repository of the path; empty for ping, catalog and token.</summary>
    public required string Repository { get; init; }
    public required string Path { get; init; }
    public required string Query { get; init; }
    public required string UserAgent { get; init; }
    /// <summary>An Authorization header arrived; object storage must never see one.</summary>
    public required bool HasAuthorization { get; init; }
    /// <summary>Access that the request's token grants, as <c>repository:name:pull,push</c>; set once the token was accepted.</summary>
    public IReadOnlyList<string> Scopes { get; internal set; } = [];
    /// <summary>Who the token or the basic credentials named.</summary>
    public string Actor { get; internal set; } = "";
    /// <summary>0 until the answer starts.</summary>
    public int Status { get; internal set; }
    /// <summary>The registry is done with it, answered or broken off; what it changed is visible.</summary>
    public bool Ended { get => Volatile.Read(ref _ended); internal set => Volatile.Write(ref _ended, value); }

    public override string ToString() => $"{Method} {Path}{Query} {Status} [{string.Join(' ', Scopes)}]";
}

/// <summary>What arrived: every request counts, the last <see cref="Kept"/> are kept whole.</summary>
public sealed class RequestLog
{
    /// <summary>Enough for a benchmark's assertions, small enough for memory.</summary>
    public const int Kept = 200_000;

    readonly Lock _gate = new();
    readonly Queue<RequestRecord> _recent = new();
    long _total;

    public long Total => Interlocked.Read(ref _total);

    /// <summary>Oldest first.</summary>
    public IReadOnlyList<RequestRecord> Recent
    {
        get
        {
            lock (_gate)
            {
                return [.. _recent];
            }
        }
    }

    /// <summary>Counts by method, kind and the beginning of the User-Agent; null matches all.</summary>
    public int Count(string? method = null, RequestKind? kind = null, string? userAgentPrefix = null)
    {
        lock (_gate)
        {
            return _recent.Count(r => (method is null || r.Method == method) && (kind is null || r.Kind == kind)
                && (userAgentPrefix is null || r.UserAgent.StartsWith(userAgentPrefix, StringComparison.Ordinal)));
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            _recent.Clear();
            _total = 0;
        }
    }

    internal void Add(RequestRecord record)
    {
        lock (_gate)
        {
            _total++;
            _recent.Enqueue(record);
            if (_recent.Count > Kept)
            {
                _recent.Dequeue();
            }
        }
    }
}
