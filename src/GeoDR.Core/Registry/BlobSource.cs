using System.Buffers;

namespace GeoDR.Registry;

/// <summary>An open blob at the source.</summary>
/// <param name="skip">Bytes to pass over first: the registry was asked to begin later and did not.</param>
public sealed class BlobSource(
    HttpResponseMessage response, Stream stream, long skip, TimeSpan idle, Func<string, Exception, RegistryException> broken) : IAsyncDisposable
{
    private long _skip = skip;

    /// <summary>Bytes to come before the first read, where the registry said so.</summary>
    public long? Length => response.Content.Headers.ContentLength - _skip;

    /// <exception cref="RegistryException">The source broke off, or was silent for the idle timeout.</exception>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancel)
    {
        if (_skip > 0)
            await SkipAsync(cancel);
        return await ReadOnceAsync(buffer, cancel);
    }

    public ValueTask DisposeAsync()
    {
        response.Dispose();
        return ValueTask.CompletedTask;
    }

    private async ValueTask SkipAsync(CancellationToken cancel)
    {
        var waste = ArrayPool<byte>.Shared.Rent(128 * 1024);
        try
        {
            while (_skip > 0 && await ReadOnceAsync(waste.AsMemory(0, (int)Math.Min(waste.Length, _skip)), cancel) is > 0 and var read)
                _skip -= read;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(waste);
        }
    }

    private async ValueTask<int> ReadOnceAsync(Memory<byte> buffer, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(idle);
        try
        {
            return await stream.ReadAsync(buffer, limit.Token);
        }
        catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
        {
            throw broken($"the blob was silent for {idle.TotalSeconds:0} s", e);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw broken($"the blob broke off: {e.Message}", e);
        }
    }
}
