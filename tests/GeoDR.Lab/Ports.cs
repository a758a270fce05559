using System.Net;
using System.Net.Sockets;

namespace GeoDR.Lab;

/// <summary>
/// Free TCP ports of 127.0.0.1 below the ephemeral range, so that no outgoing connection takes one between choice and use. Each is
/// held by a lock file until this process ends, so that labs side by side do not meet.
/// </summary>
public static class Ports
{
    private const int First = 20_000;
    private const int Last = 31_999;

    private static readonly Lock s_lock = new();
    private static readonly List<FileStream> s_held = [];

    public static int Free()
    {
        lock (s_lock)
        {
            for (var attempt = 0; attempt < 5_000; attempt++)
            {
                var port = Random.Shared.Next(First, Last + 1);
                if (TryHold(port))
                {
                    return port;
                }
            }
        }

        throw new LabException($"no free port between {First} and {Last}");
    }

    /// <summary>The preferred port when nobody has it, else any free one.</summary>
    public static int FreeOr(int preferred)
    {
        lock (s_lock)
        {
            return TryHold(preferred) ? preferred : Free();
        }
    }

    private static bool TryHold(int port)
    {
        if (!CanBind(port))
        {
            return false;
        }

        try
        {
            var directory = Path.Combine(Path.GetTempPath(), $"geodr-lab-ports-{Environment.UserName}");
            Directory.CreateDirectory(directory);
            s_held.Add(new FileStream(Path.Combine(directory, $"{port}"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static bool CanBind(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
