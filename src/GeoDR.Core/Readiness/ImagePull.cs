using System.Buffers;
using System.Net;
using GeoDR.Registry;
using GeoDR.Selection;
using GeoDR.Sync;

namespace GeoDR.Readiness;

/// <summary>Pulls images as a client would, tag by tag, and hashes every byte. It only reads, one request at a time.</summary>
/// <remarks>A registry that does not answer, or refuses whoever asks, ends it by <see cref="RegistryException"/>: that is nothing that one image could be blamed for.</remarks>
public sealed class ImagePull(RegistryClient registry, SiteSelection selection, Bandwidth bandwidth, TimeProvider time)
{
    private const int BufferBytes = 128 * 1024;
    private const int MaxDepth = 8;
    private const int MostProblems = 1000;

    private readonly HashSet<Digest> _hashed = [];
    private readonly List<PullProblem> _problems = [];
    private long _repositories, _tags, _manifests, _blobs, _shared, _bytes, _changing, _more;

    public PullCounts Counts => new(_repositories, _tags, _manifests, _blobs, _shared, _bytes, _changing);

    public IReadOnlyList<PullProblem> Problems => _problems;

    /// <summary>Problems beyond the thousand that are listed.</summary>
    public long More => _more;

    /// <param name="tags">What this site says that the repository holds, now; asked again where the registry says otherwise.</param>
    public async Task RepositoryAsync(string repository, Func<Task<IReadOnlyDictionary<string, string>>> tags, CancellationToken cancel)
    {
        _repositories++;
        var seen = new HashSet<Digest>();
        foreach (var (tag, digest) in (await tags()).OrderBy(t => t.Key, StringComparer.Ordinal))
        {
            var wrong = new List<string>();
            _tags++;
            if (await TryAsync("the tag", wrong, () => registry.GetManifestAsync(repository, tag, cancel), cancel) is { } manifest)
            {
                if (manifest.Digest.ToString() != digest)
                    wrong.Add($"the tag is {manifest.Digest}, and should be {digest}");
                else if (seen.Add(manifest.Digest))
                    await BelowAsync(repository, manifest, seen, wrong, 0, cancel);
            }
            // The sync may have moved it meanwhile.
            if (wrong.Count > 0 && (await tags()).GetValueOrDefault(tag) != digest)
                _changing++;
            else
                wrong.ForEach(w => Found(new(repository, tag, w)));
        }
    }

    private async Task BelowAsync(string repository, Manifest manifest, HashSet<Digest> seen, List<string> wrong, int depth, CancellationToken cancel)
    {
        _manifests++;
        _bytes += manifest.Bytes.Length;
        ManifestContent content;
        try
        {
            content = ManifestContent.Parse(manifest);
        }
        catch (MalformedManifestException)
        {
            // Its bytes are the digest's: it was pushed so.
            return;
        }
        foreach (var child in content.Manifests.Where(c => depth < MaxDepth && selection.TakesPlatform(c.Platform) && seen.Add(c.Digest)))
            if (await TryAsync($"the manifest {child.Digest}", wrong, () => registry.GetManifestAsync(repository, child.Digest.ToString(), cancel), cancel) is { } found)
                await BelowAsync(repository, found, seen, wrong, depth + 1, cancel);
        foreach (var blob in content.Blobs.Where(b => !b.Foreign && seen.Add(b.Digest)))
            if (_hashed.Contains(blob.Digest))
                await AskAsync(repository, blob, wrong, cancel);
            else
                await HashAsync(repository, blob, wrong, cancel);
    }

    // The bytes were read by another name; that this repository gives them is still to be seen.
    private async Task AskAsync(string repository, Descriptor blob, List<string> wrong, CancellationToken cancel)
    {
        _shared++;
        await TryAsync($"the blob {blob.Digest}", wrong, async () => await registry.BlobSizeAsync(repository, blob.Digest, cancel) is null ? null : "there", cancel);
    }

    private async Task HashAsync(string repository, Descriptor blob, List<string> wrong, CancellationToken cancel)
    {
        _blobs++;
        var said = await TryAsync($"the blob {blob.Digest}", wrong, () => ReadAsync(repository, blob, cancel), cancel);
        if (said is { Length: > 0 })
            wrong.Add($"the blob {blob.Digest} {said}");
        else if (said is not null)
            _hashed.Add(blob.Digest);
    }

    /// <summary>What is wrong with it; empty when nothing is.</summary>
    private async Task<string?> ReadAsync(string repository, Descriptor blob, CancellationToken cancel)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            using var hash = blob.Digest.NewHash();
            await using var reader = new BlobReader(registry, repository, blob.Digest, 0, time);
            while (await reader.ReadAsync(buffer.AsMemory(0, BufferBytes), cancel) is > 0 and var read)
            {
                hash.AppendData(buffer, 0, read);
                _bytes += read;
                await bandwidth.TakeAsync(read, cancel);
            }
            return Convert.ToHexStringLower(hash.GetHashAndReset()) is var hex && hex != blob.Digest.Hex ? $"is damaged: its bytes hash to {blob.Digest.Algorithm}:{hex}"
                : blob.Size >= 0 && reader.Offset != blob.Size ? $"is {reader.Offset} bytes long instead of {blob.Size}" : "";
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>What the registry gave; null where it gave nothing, and why is said in <paramref name="wrong"/>.</summary>
    private async Task<T?> TryAsync<T>(string what, List<string> wrong, Func<Task<T?>> ask, CancellationToken cancel)
        where T : class
    {
        try
        {
            if (await ask() is { } given)
                return given;
            wrong.Add($"{what} is missing");
        }
        catch (Exception e) when (e is WrongContentException or ManifestTooLargeException)
        {
            wrong.Add($"{what} is damaged: {e.Message}");
        }
        catch (RegistryException e) when (e.Status is HttpStatusCode.NotFound)
        {
            wrong.Add($"{what} is missing");
        }
        catch (RegistryException e) when (e.Status is HttpStatusCode.InternalServerError || e.IsUnreachable)
        {
            if (e.IsUnreachable && !await LivesAsync(cancel))
                throw;
            wrong.Add($"{what} cannot be read: {e.Call}");
        }
        return null;
    }

    // Distribution breaks off where a file is shorter than it promised; a registry that is gone says nothing at all.
    private async Task<bool> LivesAsync(CancellationToken cancel)
    {
        try
        {
            await registry.PingAsync(cancel);
            return true;
        }
        catch (RegistryException)
        {
            return false;
        }
    }

    private void Found(PullProblem problem)
    {
        if (_problems.Count < MostProblems)
            _problems.Add(problem);
        else
            _more++;
    }
}
