using System.Net.Sockets;

namespace GeoDR.Lab.Faults;

/// <summary>One proxied connection: two pumps. Each ends the other when it breaks; a half close is passed on.</summary>
sealed class ProxyConnection(Socket client, ProxyFaults faults)
{
    readonly Socket _target = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    readonly CancellationTokenSource _end = new();
    readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    int _reset;

    public Task Done => _done.Task;

    public async Task RunAsync(string host, int port)
    {
        try
        {
            client.NoDelay = true;
            await faults.Resumed.WaitAsync(_end.Token);
            await _target.ConnectAsync(host, port, _end.Token);
            var up = new ProxyPump(this, client, _target, ProxyDirection.ToTarget, faults);
            var down = new ProxyPump(this, _target, client, ProxyDirection.ToClient, faults);
            await Task.WhenAll(up.RunAsync(_end.Token), down.RunAsync(_end.Token));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            Reset();
        }
        finally
        {
            client.Dispose();
            _target.Dispose();
            _end.Dispose();
            _done.SetResult();
        }
    }

    /// <summary>RST both ways.</summary>
    public void Reset()
    {
        if (Interlocked.Exchange(ref _reset, 1) == 0)
        {
            Abort(client);
            Abort(_target);
            CancelQuietly();
        }
    }

    /// <summary>Ends it so that the receiver still gets every byte that was forwarded: FIN to it, RST to the sender.</summary>
    public void EndAfter(Socket receiver)
    {
        if (Interlocked.Exchange(ref _reset, 1) == 0)
        {
            try
            {
                receiver.Shutdown(SocketShutdown.Send);
            }
            catch (SocketException)
            {
                // Gone already.
            }

            Abort(receiver == client ? _target : client);
            CancelQuietly();
        }
    }

    static void Abort(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Never connected, or closed already.
        }

        socket.Dispose();
    }

    void CancelQuietly()
    {
        try
        {
            _end.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It ended by itself meanwhile.
        }
    }
}
