namespace GeoDR.Lab.Registries;

/// <summary>One repository: which blobs are linked, the manifests, and the tags with a link that may lie in the future.</summary>
sealed class Repository
{
    readonly Lock _gate = new();
    readonly HashSet<string> _blobs = [];
    readonly Dictionary<string, StoredManifest> _manifests = [];
    readonly Dictionary<string, TagState> _tags = new(StringComparer.Ordinal);

    /// <summary><paramref name="Next"/> becomes visible at <paramref name="NextFrom"/>; until then the tag shows <paramref name="Digest"/>.</summary>
    sealed record TagState(string? Digest, string? Next, DateTimeOffset NextFrom)
    {
        public string? At(DateTimeOffset now) => Next is not null && now >= NextFrom ? Next : Digest;
    }

    public void Link(string digest)
    {
        lock (_gate)
        {
            _blobs.Add(digest);
        }
    }

    public bool Unlink(string digest)
    {
        lock (_gate)
        {
            return _blobs.Remove(digest);
        }
    }

    public bool HasBlob(string digest)
    {
        lock (_gate)
        {
            return _blobs.Contains(digest);
        }
    }

    public StoredManifest? Manifest(string digest)
    {
        lock (_gate)
        {
            return _manifests.GetValueOrDefault(digest);
        }
    }

    public IReadOnlyList<StoredManifest> Manifests()
    {
        lock (_gate)
        {
            return [.. _manifests.Values];
        }
    }

    public void Put(StoredManifest manifest)
    {
        lock (_gate)
        {
            _manifests[manifest.Digest] = manifest;
        }
    }

    public string? Tag(string tag, DateTimeOffset now)
    {
        lock (_gate)
        {
            return _tags.GetValueOrDefault(tag)?.At(now);
        }
    }

    public void SetTag(string tag, string digest, DateTimeOffset now, TimeSpan linkedAfter)
    {
        lock (_gate)
        {
            _tags[tag] = linkedAfter > TimeSpan.Zero
                ? new TagState(_tags.GetValueOrDefault(tag)?.At(now), digest, now + linkedAfter)
                : new TagState(digest, null, default);
        }
    }

    public bool RemoveTag(string tag)
    {
        lock (_gate)
        {
            return _tags.Remove(tag);
        }
    }

    /// <summary>In ordinal order, as the specification asks of tags/list.</summary>
    public IReadOnlyList<string> Tags(DateTimeOffset now)
    {
        lock (_gate)
        {
            return [.. _tags.Where(t => t.Value.At(now) is not null).Select(t => t.Key).Order(StringComparer.Ordinal)];
        }
    }

    /// <summary>Deletes a manifest and every tag that points at it, as registries do; null when it was not there.</summary>
    public IReadOnlyList<string>? Remove(string digest, DateTimeOffset now)
    {
        lock (_gate)
        {
            if (!_manifests.Remove(digest))
            {
                return null;
            }

            var tags = _tags.Where(t => t.Value.At(now) == digest).Select(t => t.Key).ToList();
            tags.ForEach(t => _tags.Remove(t));
            return tags;
        }
    }

    public Repository Clone()
    {
        var copy = new Repository();
        lock (_gate)
        {
            copy._blobs.UnionWith(_blobs);
            foreach (var (digest, manifest) in _manifests)
            {
                copy._manifests[digest] = manifest;
            }

            foreach (var (tag, state) in _tags)
            {
                copy._tags[tag] = state;
            }
        }

        return copy;
    }
}
