using System.Net;
using System.Net.Sockets;
using System.Text;

namespace GeoDR.Core.Tests.Alerts;

/// <summary>Speaks as much SMTP (RFC 5321) as a mail needs, and keeps what was said.</summary>
internal sealed class SmtpServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<string, string?> _answer;

    /// <param name="answer">The answer to a line in place of the usual one; null for the usual one.</param>
    public SmtpServer(Func<string, string?>? answer = null)
    {
        _answer = answer ?? (_ => null);
        _listener.Start();
        _ = RunAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Every line that came, of commands and of mails.</summary>
    public List<string> Lines { get; } = [];

    public void Dispose() => _listener.Dispose();

    private async Task RunAsync()
    {
        try
        {
            while (true)
                await TalkAsync(await _listener.AcceptTcpClientAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or IOException)
        {
        }
    }

    private async Task TalkAsync(TcpClient client)
    {
        using var closing = client;
        using var reader = new StreamReader(client.GetStream(), Encoding.Latin1);
        await using var writer = new StreamWriter(client.GetStream(), Encoding.Latin1) { NewLine = "\r\n", AutoFlush = true };
        await writer.WriteLineAsync("220 here");
        var inMail = false;
        while (await reader.ReadLineAsync() is { } line)
        {
            lock (Lines)
                Lines.Add(line);
            if (inMail && line != ".")
                continue;
            var verb = inMail ? "." : line.Split(' ', ':')[0].ToUpperInvariant();
            inMail = verb == "DATA" && _answer(line) is null;
            await writer.WriteLineAsync(_answer(line) ?? verb switch { "DATA" => "354 go on", "QUIT" => "221 bye", "EHLO" => "250 here", _ => "250 ok" });
            if (verb == "QUIT")
                return;
        }
    }
}
