using System.Net.Sockets;
using System.Threading.Channels;

namespace GeoDR.Lab.Faults;

/// <summary>Moves bytes one way. Reading and writing are apart, so that latency delays each byte without lowering the throughput,
/// as distance does.</summary>
sealed class ProxyPump(ProxyConnection connection, Socket from, Socket to, ProxyDirection direction, ProxyFaults faults)
{
    const int ChunkSize = 32 << 10;

    // 16 MiB in flight at most: more than any bandwidth-delay product in the lab.
    readonly Channel<Chunk> _flight = Channel.CreateBounded<Chunk>(512);
    ProxyCut? _cut;
    long _counted;

    readonly record struct Chunk(ReadOnlyMemory<byte> Bytes, long DueTicks);

    public async Task RunAsync(CancellationToken end)
    {
        var reading = ReadAsync(end);
        try
        {
            await foreach (var chunk in _flight.Reader.ReadAllAsync(end))
            {
                var wait = chunk.DueTicks - Environment.TickCount64;
                if (wait > 0)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(wait), TimeProvider.System, end);
                }

                if (!await ForwardAsync(chunk.Bytes, end))
                {
                    break;
                }
            }

            await reading;
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            connection.Reset();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    async Task ReadAsync(CancellationToken end)
    {
        var error = default(Exception);
        try
        {
            while (true)
            {
                await faults.Resumed.WaitAsync(end);
                var rate = faults.BytesPerSecond;
                // A tenth of a second's worth at a time keeps a throttled stream smooth.
                var buffer = new byte[rate > 0 ? Math.Clamp(rate / 10, 1, ChunkSize) : ChunkSize];
                var read = await from.ReceiveAsync(buffer, SocketFlags.None, end);
                if (read == 0)
                {
                    return;
                }

                // Asked again: a limit that was set while this waited for bytes holds for them too.
                rate = faults.BytesPerSecond;
                if (rate > 0)
                {
                    await Task.Delay(TimeSpan.FromSeconds((double)read / rate), TimeProvider.System, end);
                }

                // A stall that began while this was waiting for bytes holds them back too.
                await faults.Resumed.WaitAsync(end);
                var due = Environment.TickCount64 + (long)faults.Latency.TotalMilliseconds;
                await _flight.Writer.WriteAsync(new Chunk(buffer.AsMemory(0, read), due), end);
            }
        }
        catch (Exception e)
        {
            error = e;
            throw;
        }
        finally
        {
            _flight.Writer.TryComplete(error);
        }
    }

    /// <summary>False when the connection has been ended by a scripted cut.</summary>
    async Task<bool> ForwardAsync(ReadOnlyMemory<byte> bytes, CancellationToken end)
    {
        await faults.Resumed.WaitAsync(end);
        var length = bytes.Length;
        var cut = faults.Cut is { } c && c.Direction == direction ? c : null;
        if (cut != _cut)
        {
            // New connections have counted since their start; open ones count from the arming.
            (_cut, _counted) = (cut, cut is not null && cut.Open.Contains(connection) ? 0 : _counted);
        }

        var ends = cut is not null && _counted + length >= cut.Bytes && cut.Take();
        var allowed = ends ? (int)Math.Max(0, cut!.Bytes - _counted) : length;
        if (!faults.BlackHole)
        {
            await SendAllAsync(bytes[..allowed], end);
        }

        _counted += length;
        faults.Forwarded(direction, allowed);
        if (ends)
        {
            connection.EndAfter(to);
        }

        return !ends;
    }

    async Task SendAllAsync(ReadOnlyMemory<byte> bytes, CancellationToken end)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await to.SendAsync(bytes, SocketFlags.None, end)..];
        }
    }
}
