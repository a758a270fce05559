using System.Net;

namespace GeoDR.Registry;

/// <summary>
/// A blob at its source, read to its end through cuts: where the connection breaks off or falls silent, it is opened again at
/// that byte, with fresh credentials and, behind a redirect, a fresh address.
/// </summary>
public sealed class BlobReader(RegistryClient registry, string repository, Digest digest, long start, TimeProvider time) : IAsyncDisposable
{
    // Without a byte in between, so that a source that is gone is known after some seconds.
    private const int MaxBarren = 5;

    private BlobSource? _open;
    private int _barren;
    private bool _begun;

    /// <summary>The next byte to be read.</summary>
    public long Offset { get; private set; } = start;

    /// <summary>How often it had to be opened again.</summary>
    public int Cuts { get; private set; }

    /// <summary>Opens it; the bytes to come, where the registry says so.</summary>
    /// <exception cref="RegistryException"/>
    public async ValueTask<long?> OpenAsync(CancellationToken cancel)
    {
        _open ??= await registry.OpenBlobAsync(repository, digest, Offset, cancel);
        return _open.Length;
    }

    /// <summary>Zero at the end.</summary>
    /// <exception cref="RegistryException">The source broke off and does not go on.</exception>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancel)
    {
        while (true)
        {
            try
            {
                await OpenAsync(cancel);
                var read = await _open!.ReadAsync(buffer, cancel);
                Offset += read;
                _barren = 0;
                _begun = true;
                return read;
            }
            catch (RegistryException e) when (_begun && MayGoOn(e) && _barren++ < MaxBarren)
            {
                Cuts++;
                await CloseAsync();
                var pause = e.RetryAfter is { } asked && asked < TimeSpan.FromSeconds(30) ? asked : TimeSpan.FromMilliseconds(100 << _barren);
                await Task.Delay(pause, time, cancel);
            }
        }
    }

    public ValueTask DisposeAsync() => CloseAsync();

    // 403 is what object storages answer to a signed address that has expired.
    private static bool MayGoOn(RegistryException e) =>
        e.IsUnreachable || e.Status is HttpStatusCode.Forbidden or HttpStatusCode.TooManyRequests || (int?)e.Status >= 500;

    private async ValueTask CloseAsync()
    {
        if (_open is { } open)
            await open.DisposeAsync();
        _open = null;
    }
}
