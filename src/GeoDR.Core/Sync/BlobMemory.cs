using System.Collections.Concurrent;
using GeoDR.Registry;

namespace GeoDR.Sync;

/// <summary>Which repository of the own registry holds a blob, as far as this process has seen: saves requests, and is dropped at will.</summary>
public sealed class BlobMemory
{
    // About 100 bytes an entry; beyond that everything is forgotten, which costs requests and nothing else.
    private const int MaxEntries = 500_000;

    private readonly ConcurrentDictionary<(string Repository, Digest Digest), bool> _held = new();
    private readonly ConcurrentDictionary<Digest, string> _anywhere = new();

    private readonly ConcurrentDictionary<string, bool> _absent = new();
    private readonly ConcurrentDictionary<(string Repository, Digest Digest), bool> _distrusted = new();

    /// <summary>False for a repository that the own registry was just said not to have: nothing in it needs asking for.</summary>
    public bool MayHold(string repository) => !_absent.ContainsKey(repository);

    /// <summary>The own registry has no such repository.</summary>
    public void IsAbsent(string repository) => _absent[repository] = true;

    /// <summary>From here on the own registry is asked again.</summary>
    public void IsNoLongerAbsent(string repository) => _absent.TryRemove(repository, out _);

    public bool Has(string repository, Digest digest) => _held.ContainsKey((repository, digest));

    /// <summary>Another repository that holds it, to mount from.</summary>
    public string? MountSource(string repository, Digest digest) =>
        !IsDistrusted(repository, digest) && _anywhere.TryGetValue(digest, out var other) && other != repository ? other : null;

    /// <summary>The registry says that it has the blob, and its bytes were wrong: what it says is not asked, nor is it mounted.</summary>
    public bool IsDistrusted(string repository, Digest digest) => _distrusted.ContainsKey((repository, digest));

    /// <summary>Forgets a repository; of these blobs not even the registry is believed, until they were sent again.</summary>
    public void Distrust(string repository, IEnumerable<Digest> damaged)
    {
        Forget(repository);
        foreach (var digest in damaged)
            _distrusted[(repository, digest)] = true;
    }

    public void Remember(string repository, Digest digest)
    {
        if (_held.Count >= MaxEntries)
        {
            _held.Clear();
            _anywhere.Clear();
        }
        _distrusted.TryRemove((repository, digest), out _);
        _held[(repository, digest)] = true;
        _anywhere[digest] = repository;
    }

    public void Forget(string repository, Digest digest)
    {
        _held.TryRemove((repository, digest), out _);
        _anywhere.TryRemove(new(digest, repository));
    }

    public void Forget(string repository)
    {
        foreach (var key in _held.Keys.Where(k => k.Repository == repository))
            Forget(repository, key.Digest);
    }
}
