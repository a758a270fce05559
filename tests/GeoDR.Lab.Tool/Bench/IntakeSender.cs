using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>What senders saw.</summary>
/// <param name="Milliseconds">Of each request that was answered 200, from the start of connecting to the last byte of the answer.</param>
/// <param name="Refused">Requests answered otherwise: a registry sends those again.</param>
internal sealed record SenderResult(IReadOnlyList<double> Milliseconds, int Refused, double Seconds);

/// <summary>
/// Sends notifications as Distribution 2.8 does: one event in each envelope, one request at a time for each sender, a new connection
/// for each request. Plain sockets, so that the senders leave the cores to what is measured.
/// </summary>
internal sealed class IntakeSender(Uri intake, string secret)
{
    private readonly IPEndPoint _address = new(IPAddress.Parse(intake.Host), intake.Port);

    /// <summary>Any number of senders, for so long.</summary>
    public async Task<SenderResult> RunAsync(int senders, TimeSpan length, string repository, CancellationToken cancellationToken)
    {
        var begin = Stopwatch.GetTimestamp();
        var results = await Task.WhenAll(Enumerable.Range(0, senders).Select(n => Task.Run(() => SendAsync($"{repository}/{n}", begin, length, cancellationToken), cancellationToken)));
        return new SenderResult([.. results.SelectMany(r => r.Times)], results.Sum(r => r.Refused), Stopwatch.GetElapsedTime(begin).TotalSeconds);
    }

    private async Task<(List<double> Times, int Refused)> SendAsync(string repository, long begin, TimeSpan length, CancellationToken cancellationToken)
    {
        var times = new List<double>();
        var refused = 0;
        var buffer = new byte[4096];
        for (var number = 0; Stopwatch.GetElapsedTime(begin) < length; number++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var request = Request(repository, number);
            var start = Stopwatch.GetTimestamp();
            var ok = await ExchangeAsync(request, buffer, cancellationToken);
            if (ok)
            {
                times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
            else
            {
                refused++;
            }
        }

        return (times, refused);
    }

    /// <summary>True when the whole answer came and is 200.</summary>
    private async Task<bool> ExchangeAsync(byte[] request, byte[] buffer, CancellationToken cancellationToken)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        // Without it every port would stay in TIME-WAIT for a minute, and a run has more requests than a machine has ports.
        socket.LingerState = new LingerOption(true, 0);
        await socket.ConnectAsync(_address, cancellationToken);
        await socket.SendAsync(request, SocketFlags.None, cancellationToken);
        var length = 0;
        while (!IsWhole(buffer.AsSpan(0, length)))
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(length), SocketFlags.None, cancellationToken);
            if (read == 0)
            {
                throw new LabException($"the intake broke off: {Encoding.ASCII.GetString(buffer, 0, length)}");
            }

            length += read;
        }

        return buffer.AsSpan(0, length).StartsWith("HTTP/1.1 200 "u8);
    }

    /// <summary>Kestrel names a length or ends with an empty chunk.</summary>
    private static bool IsWhole(ReadOnlySpan<byte> answer)
    {
        var head = answer.IndexOf("\r\n\r\n"u8);
        if (head < 0)
        {
            return false;
        }

        var name = "Content-Length: "u8;
        var at = answer[..head].IndexOf(name);
        if (at < 0)
        {
            return answer.EndsWith("0\r\n\r\n"u8);
        }

        var digits = answer[(at + name.Length)..head];
        digits = digits.IndexOf((byte)'\r') is >= 0 and var end ? digits[..end] : digits;
        return answer.Length >= head + 4 + int.Parse(digits, System.Globalization.CultureInfo.InvariantCulture);
    }

    private byte[] Request(string repository, int number)
    {
        var digest = $"sha256:{number:x64}";
        var body = $$$"""
            {"events":[{"id":"{{{Guid.NewGuid()}}}","timestamp":"2026-01-01T00:00:00.733162392Z","action":"push","target":{
            "mediaType":"application/vnd.oci.image.manifest.v1+json","size":416,"digest":"{{{digest}}}","length":416,"repository":"{{{repository}}}",
            "url":"http://127.0.0.1:5000/v2/{{{repository}}}/manifests/{{{digest}}}","tag":"v{{{number}}}","references":[
            {"mediaType":"application/vnd.oci.image.config.v1+json","size":7,"digest":"{{{digest}}}"},
            {"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","size":100,"digest":"{{{digest}}}"}]},
            "request":{"id":"{{{Guid.NewGuid()}}}","addr":"127.0.0.1:58826","host":"127.0.0.1:5000","method":"PUT","useragent":"skopeo/1.9.3"},
            "actor":{"name":"pusher"},"source":{"addr":"registry:5000","instanceID":"7417c61e-b24d-4d05-bd82-6505f5dedfe2"}}]}
            """;
        return Encoding.ASCII.GetBytes(
            $"POST {intake.AbsolutePath} HTTP/1.1\r\nHost: {intake.Authority}\r\nUser-Agent: Go-http-client/1.1\r\nAuthorization: {secret}\r\n"
            + $"Content-Type: application/vnd.docker.distribution.events.v1+json\r\nContent-Length: {body.Length}\r\nAccept-Encoding: gzip\r\n\r\n{body}");
    }
}
