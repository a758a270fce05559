using System.Net.Mail;
using System.Text;
using GeoDR.Alerts;

namespace GeoDR.Core.Tests.Alerts;

/// <summary>Mail, against a server that speaks SMTP.</summary>
public sealed class MailTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Message_WithHostileWordsAndAnyLanguage_IsOneMailWithItsOwnHeadersAlone()
    {
        using var server = new SmtpServer();
        var alert = new Alert(
            1, AlertKinds.Outage, "x\r\nBcc: evil@example.com\r\n\r\nhello", Severities.Critical, "open", "größer\r\nX-Evil: 1\r\n.\r\nMAIL FROM:<evil@example.com>\r\n" + new string('ü', 500),
            "tu das\r\n.\r\n", new Dictionary<string, double>(), DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, null);
        var message = AlertMessage.Of("zürich", AlertEvents.Raised, DateTimeOffset.UnixEpoch, [alert]);
        var result = await SendAsync(server, message, "Wächter Süd <geodr@example.com>", ["ops@example.com", "Ärzte <b@example.com>"]);
        Assert.Equal(DeliveryResult.Done, result);

        Assert.Equal(["MAIL FROM:<geodr@example.com>", "RCPT TO:<b@example.com>", "RCPT TO:<ops@example.com>"], server.Lines.Where(l => l.StartsWith("MAIL", StringComparison.Ordinal) || l.StartsWith("RCPT", StringComparison.Ordinal)).Order());
        var mail = server.Lines.SkipWhile(l => l != "DATA").Skip(1).TakeWhile(l => l != ".").ToList();
        var headers = mail.TakeWhile(l => l.Length > 0).ToList();
        Assert.All(mail, line => Assert.All(line, c => Assert.InRange(c, '\t', '~')));
        Assert.All(mail, line => Assert.InRange(line.Length, 0, 998));
        Assert.DoesNotContain(headers, h => h.StartsWith("Bcc", StringComparison.OrdinalIgnoreCase) || h.StartsWith("X-Evil", StringComparison.OrdinalIgnoreCase));
        Assert.Contains(headers, h => h == "Auto-Submitted: auto-generated");
        Assert.Contains(headers, h => h.Equals("Message-ID: <geodr-key-1@example.com>", StringComparison.OrdinalIgnoreCase));
        Assert.Contains(headers, h => h.StartsWith("From: =?utf-8?", StringComparison.OrdinalIgnoreCase));
        var body = Encoding.UTF8.GetString(Convert.FromBase64String(string.Concat(mail.SkipWhile(l => l.Length > 0))));
        Assert.Contains("critical, outage", body, StringComparison.Ordinal);
        Assert.Contains("größer", body, StringComparison.Ordinal);
        Assert.InRange(message.SubjectLine().Length, 1, 160);
        Assert.All(message.SubjectLine(), c => Assert.False(char.IsControl(c)));
    }

    [Theory]
    [InlineData("MAIL", "550 no", false, true)]
    [InlineData("MAIL", "451 later", false, false)]
    [InlineData("DATA", "554 spam", false, true)]
    [InlineData("RCPT TO:<b", "550 unknown", true, false)]
    [InlineData("RCPT", "550 unknown", false, true)]
    public async Task Refusal_OfAnyKind_IsJudged(string line, string answer, bool delivered, bool permanent)
    {
        using var server = new SmtpServer(l => l.StartsWith(line, StringComparison.OrdinalIgnoreCase) ? answer : null);
        var result = await SendAsync(server, AlertMessage.Test("here", DateTimeOffset.UnixEpoch));
        Assert.Equal((delivered, permanent), (result.Delivered, result.Permanent));
        Assert.NotNull(result.Error);
    }

    [Fact]
    public async Task Server_WithoutStartTls_GetsNeitherMailNorPassword()
    {
        using var server = new SmtpServer();
        var result = await SendAsync(server, AlertMessage.Test("here", DateTimeOffset.UnixEpoch), startTls: true, password: "hidden");
        Assert.False(result.Delivered);
        Assert.DoesNotContain(server.Lines, l => l.StartsWith("AUTH", StringComparison.OrdinalIgnoreCase) || l.StartsWith("MAIL", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain("hidden", result.Error!, StringComparison.Ordinal);
    }

    private static Task<DeliveryResult> SendAsync(
        SmtpServer server, AlertMessage message, string from = "geodr@example.com", string[]? to = null, bool startTls = false, string? password = null) =>
        new Mail(new()
        {
            Host = "127.0.0.1", Port = server.Port, From = new MailAddress(from), To = [.. (to ?? ["a@example.com", "b@example.com"]).Select(a => new MailAddress(a))],
            StartTls = startTls, Username = password is null ? null : "user", Password = password,
        }, TimeProvider.System).SendAsync(message, "key-1", Stop);
}
