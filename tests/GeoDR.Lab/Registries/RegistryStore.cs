using System.Collections.Concurrent;

namespace GeoDR.Lab.Registries;

/// <summary>Everything that outlives a restart of the registry: blobs, repositories, uploads.</summary>
sealed class RegistryStore : IDisposable
{
    const int SpillThreshold = 1 << 20;

    readonly string _directory = Directory.CreateTempSubdirectory("geodr-labreg-").FullName;
    readonly ConcurrentDictionary<string, BlobContent> _blobs = new();
    readonly ConcurrentDictionary<string, Repository> _repositories = new(StringComparer.Ordinal);

    public ConcurrentDictionary<string, UploadSession> Uploads { get; } = new();

    public GeneratedRepositories? Generated { get; set; }

    public UploadBuffer NewBuffer() => new(_directory, SpillThreshold);

    public BlobContent? Blob(string digest) => _blobs.GetValueOrDefault(digest);

    /// <summary>False when the bytes were there already; the new copy is not needed then.</summary>
    public bool AddBlob(string digest, BlobContent content) => _blobs.TryAdd(digest, content);

    public Repository? Find(string name) =>
        _repositories.GetValueOrDefault(name) ?? (Generated is { } g && g.Contains(name) ? g.Shared : null);

    /// <summary>For writing: a generated repository gets a copy of its own first, so that the others stay as they are.</summary>
    public Repository GetOrAdd(string name) =>
        _repositories.GetOrAdd(name, n => Generated is { } g && g.Contains(n) ? g.Shared.Clone() : new Repository());

    /// <summary>Up to <paramref name="count"/> names after <paramref name="last"/>, in ordinal order.</summary>
    public List<string> Names(string? last, int count)
    {
        var real = _repositories.Keys.Where(k => last is null || string.CompareOrdinal(k, last) > 0)
            .Order(StringComparer.Ordinal).Take(count);
        var generated = Generated is { } g ? g.After(last).Where(n => !_repositories.ContainsKey(n)).Take(count) : [];
        return [.. real.Concat(generated).Order(StringComparer.Ordinal).Take(count)];
    }

    public void Dispose()
    {
        foreach (var upload in Uploads.Values)
        {
            upload.Dispose();
        }

        Directory.Delete(_directory, recursive: true);
    }
}

/// <summary>One upload; requests to it take turns.</summary>
sealed class UploadSession(string id, string repository, UploadBuffer buffer) : IDisposable
{
    public string Id => id;
    public string Repository => repository;
    public UploadBuffer Buffer => buffer;
    public SemaphoreSlim Turn { get; } = new(1, 1);

    public void Dispose()
    {
        buffer.Dispose();
        Turn.Dispose();
    }
}

/// <summary>Very many repositories that share one content: names are computed, nothing is stored for each.</summary>
sealed class GeneratedRepositories(string prefix, int count, Repository shared)
{
    const int Digits = 6;

    public Repository Shared => shared;

    public bool Contains(string name) =>
        name.Length == prefix.Length + Digits && name.StartsWith(prefix, StringComparison.Ordinal)
        && int.TryParse(name.AsSpan(prefix.Length), System.Globalization.NumberStyles.None, null, out var i) && i < count;

    public IEnumerable<string> After(string? last)
    {
        // A binary search: the names are in ordinal order, because the digits are padded.
        int low = 0, high = count;
        while (last is not null && low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = string.CompareOrdinal(Name(middle), last) > 0 ? (low, middle) : (middle + 1, high);
        }

        for (var i = low; i < count; i++)
        {
            yield return Name(i);
        }
    }

    string Name(int i) => $"{prefix}{i:d6}";
}
