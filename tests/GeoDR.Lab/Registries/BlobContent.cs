namespace GeoDR.Lab.Registries;

/// <summary>Finished bytes, in memory when small and in a file of the registry's temporary directory when large.</summary>
sealed class BlobContent
{
    readonly byte[]? _bytes;
    readonly string? _path;

    public BlobContent(byte[] bytes) => (_bytes, Size) = (bytes, bytes.Length);

    public BlobContent(string path, long size) => (_path, Size) = (path, size);

    public long Size { get; }

    public Stream OpenRead() => _bytes is not null
        ? new MemoryStream(_bytes, writable: false)
        : new FileStream(_path!, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16, useAsync: true);

    public byte[] ReadAll()
    {
        if (_bytes is not null)
        {
            return _bytes;
        }

        return File.ReadAllBytes(_path!);
    }
}

/// <summary>Bytes of an upload that is still going on. They move to a file when they pass the threshold, so that
/// layers of hundreds of MiB do not eat memory.</summary>
sealed class UploadBuffer(string directory, int threshold) : IDisposable
{
    Stream _stream = new MemoryStream();
    string? _path;

    public long Length { get; private set; }

    /// <summary>Appends what arrives. When the client goes away half-way the bytes so far are kept: a resume starts there. How many
    /// is not certain: Kestrel drops what it had received but not yet handed out when the body ends too early.</summary>
    public async Task AppendAsync(Stream source)
    {
        var buffer = new byte[1 << 16];
        int read;
        // Without a token, which would end the reading even sooner.
        while ((read = await source.ReadAsync(buffer, CancellationToken.None)) > 0)
        {
            if (_path is null && Length + read > threshold)
            {
                Spill();
            }

            await _stream.WriteAsync(buffer.AsMemory(0, read), CancellationToken.None);
            Length += read;
        }
    }

    public BlobContent Complete()
    {
        if (_stream is MemoryStream memory)
        {
            return new BlobContent(memory.ToArray());
        }

        _stream.Dispose();
        return new BlobContent(_path!, Length);
    }

    public void Dispose()
    {
        _stream.Dispose();
        if (_path is not null)
        {
            File.Delete(_path);
        }
    }

    void Spill()
    {
        _path = Path.Combine(directory, Guid.NewGuid().ToString("n"));
        var file = new FileStream(_path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read, 1 << 16);
        _stream.Position = 0;
        _stream.CopyTo(file);
        _stream.Dispose();
        _stream = file;
    }
}
