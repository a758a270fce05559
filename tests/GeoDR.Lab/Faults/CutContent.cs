using System.Net;

namespace GeoDR.Lab.Faults;

/// <summary>A request body that breaks after a number of bytes, all of which reach the target: they are flushed before the break,
/// because a client's write buffer dies with its connection.</summary>
sealed class CutContent(Stream source, long after) : HttpContent
{
    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        var buffer = new byte[1 << 16];
        for (var left = after; left > 0;)
        {
            var read = await source.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, left)), cancellationToken);
            if (read == 0)
            {
                return;
            }

            await stream.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            left -= read;
        }

        await stream.FlushAsync(cancellationToken);
        throw new IOException("Cut by a rule.");
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }
}
