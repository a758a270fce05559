using System.Collections.Concurrent;
using System.Text.RegularExpressions;

namespace GeoDR.Lab.Registries;

/// <summary>How the catalog answers.</summary>
public enum CatalogMode
{
    On,
    /// <summary>404, as registries without a catalog do.</summary>
    Off,
    /// <summary>200 with no repository: the answer that must not be read as "delete everything".</summary>
    Empty,
    /// <summary>500.</summary>
    Error,
    /// <summary>200 with the first half of the page and no Link: a list that is silently short.</summary>
    HalfPage,
    /// <summary>200 whose body is cut in its middle.</summary>
    CutBody,
}

/// <summary>How the bytes of a digest are spoilt on their way out; the stored bytes stay good.</summary>
public enum Corruption
{
    None,
    /// <summary>One bit of the first byte, the length right.</summary>
    FlipBit,
    /// <summary>The second half missing, with a Content-Length that agrees.</summary>
    Truncate,
    /// <summary>The whole Content-Length announced, the second half never sent, the connection cut.</summary>
    WrongLength,
}

/// <summary>Answers the next requests that match with a status of its own.</summary>
public sealed class ScriptedAnswer
{
    int _remaining;
    int _hits;

    internal ScriptedAnswer(int times) => _remaining = times;

    public required int Status { get; init; }
    public string? Method { get; init; }
    public required Regex Path { get; init; }
    public TimeSpan? RetryAfter { get; init; }
    /// <summary>How many requests got this answer.</summary>
    public int Hits => Volatile.Read(ref _hits);

    internal bool Take(string method, string path)
    {
        if ((Method is not null && Method != method) || !Path.IsMatch(path))
        {
            return false;
        }

        if (Interlocked.Decrement(ref _remaining) < 0)
        {
            Interlocked.Increment(ref _remaining);
            return false;
        }

        Interlocked.Increment(ref _hits);
        return true;
    }
}

/// <summary>Behaviour of a <see cref="LabRegistry"/> that may be changed while it runs. The defaults are those of a registry
/// that implements all of the distribution specification 1.1.</summary>
public sealed class LabRegistrySwitches
{
    readonly ConcurrentQueue<ScriptedAnswer> _scripted = new();

    public LabAuth Auth { get; set; } = LabAuth.None;
    /// <summary>False: 404 on the referrers API, and no OCI-Subject header.</summary>
    public bool Referrers { get; set; } = true;
    /// <summary>False: refused with <see cref="DeleteByTagRefusal"/>, as Distribution 2.8.2 does.</summary>
    public bool DeleteByTag { get; set; } = true;
    public int DeleteByTagRefusal { get; set; } = 400;
    public CatalogMode Catalog { get; set; }
    /// <summary>A larger n is 400 PAGINATION_NUMBER_INVALID.</summary>
    public int CatalogMaxPage { get; set; } = 1000;
    /// <summary>How long after its event (and after the 201) a pushed tag becomes visible (distribution#2625).</summary>
    public TimeSpan TagLinkDelay { get; set; }
    /// <summary>404 where credentials do not suffice, as registries that hide what exists do. Without credentials it stays 401.</summary>
    public bool DeniedIsNotFound { get; set; }
    /// <summary>Blob GETs are sent on (307) to the object storage.</summary>
    public bool RedirectBlobs { get; set; }
    /// <summary>How long a redirect's signed URL lives.</summary>
    public TimeSpan RedirectLifetime { get; set; } = TimeSpan.FromMinutes(5);
    /// <summary>False: 202 instead of mounting.</summary>
    public bool Mount { get; set; } = true;
    /// <summary>False: a POST with ?digest= is answered 202 and stores nothing, as Distribution does.</summary>
    public bool SinglePost { get; set; } = true;
    /// <summary>Location without scheme and host; the specification allows both.</summary>
    public bool RelativeLocations { get; set; }
    /// <summary>An index may name manifests that are not there; the specification leaves that to the registry.</summary>
    public bool SparseIndexes { get; set; }
    /// <summary>Moving or deleting a tag is 409.</summary>
    public bool ImmutableTags { get; set; }
    /// <summary>Bytes; a larger manifest is 413.</summary>
    public int MaxManifestSize { get; set; } = 4 << 20;
    /// <summary>Waited before every answer.</summary>
    public TimeSpan Latency { get; set; }
    /// <summary>Media type to status (400 or 415), answered with MANIFEST_INVALID.</summary>
    public ConcurrentDictionary<string, int> RefusedManifestTypes { get; } = new();
    /// <summary>Digest of a blob or manifest to what happens to its bytes.</summary>
    public ConcurrentDictionary<string, Corruption> Corrupt { get; } = new();
    /// <summary>Repositories that always answer 500 (the value is not read).</summary>
    public ConcurrentDictionary<string, bool> BrokenRepositories { get; } = new();

    /// <summary>The next <paramref name="times"/> requests whose method (null: any) and path match are answered with <paramref name="status"/>.</summary>
    public ScriptedAnswer AnswerNext(int times, int status, string? method = null, string pathPattern = "", TimeSpan? retryAfter = null)
    {
        var answer = new ScriptedAnswer(times) { Status = status, Method = method, Path = new Regex(pathPattern), RetryAfter = retryAfter };
        _scripted.Enqueue(answer);
        return answer;
    }

    public void ClearScripted() => _scripted.Clear();

    internal ScriptedAnswer? Scripted(string method, string path) => _scripted.FirstOrDefault(s => s.Take(method, path));
}
