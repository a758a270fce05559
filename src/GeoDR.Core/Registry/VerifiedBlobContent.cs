using System.Buffers;
using System.Net;
using System.Security.Cryptography;

namespace GeoDR.Registry;

/// <summary>
/// Streams a blob from the one registry into the request to the other, hashing on the way. The last buffer is held back until
/// the hash agrees, so that a wrong blob is never complete at the target.
/// </summary>
/// <param name="size">Bytes, as the manifest says; negative where it does not.</param>
/// <param name="served">Bytes, as the source says, where it does.</param>
public sealed class VerifiedBlobContent(BlobReader source, Digest digest, long size, long? served, Func<int, CancellationToken, ValueTask> onRead) : HttpContent
{
    private const int BufferSize = 128 * 1024;

    /// <summary>Why the source could not be read to its end, where that is what went wrong.</summary>
    public Exception? SourceFailure { get; private set; }

    protected override bool TryComputeLength(out long length)
    {
        length = size >= 0 ? size : served ?? -1;
        return length >= 0;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        var (held, next) = (ArrayPool<byte>.Shared.Rent(BufferSize), ArrayPool<byte>.Shared.Rent(BufferSize));
        try
        {
            using var hash = digest.NewHash();
            long sent = 0;
            var heldLength = 0;
            while (true)
            {
                var read = await FillAsync(next, cancellationToken);
                if (read == 0)
                    break;
                hash.AppendData(next, 0, read);
                sent += read;
                if (heldLength > 0)
                    await stream.WriteAsync(held.AsMemory(0, heldLength), cancellationToken);
                (held, next, heldLength) = (next, held, read);
            }
            Verify(hash, sent);
            await stream.WriteAsync(held.AsMemory(0, heldLength), cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(held);
            ArrayPool<byte>.Shared.Return(next);
        }
    }

    private async ValueTask<int> FillAsync(byte[] buffer, CancellationToken cancel)
    {
        try
        {
            var filled = 0;
            while (filled < BufferSize)
            {
                var read = await source.ReadAsync(buffer.AsMemory(filled, BufferSize - filled), cancel);
                if (read == 0)
                    break;
                filled += read;
                await onRead(read, cancel);
            }
            return filled;
        }
        catch (RegistryException e)
        {
            SourceFailure = e;
            throw;
        }
    }

    private void Verify(IncrementalHash hash, long sent)
    {
        var found = Convert.ToHexStringLower(hash.GetHashAndReset());
        if (found == digest.Hex && (size < 0 || sent == size))
            return;
        SourceFailure = new WrongContentException(
            $"the primary served {sent} bytes with {digest.Algorithm}:{found} for the blob {digest}{(size >= 0 ? $" of {size} bytes" : "")}");
        throw SourceFailure;
    }
}
