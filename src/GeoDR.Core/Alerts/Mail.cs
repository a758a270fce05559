using System.Net;
using System.Net.Mail;
using System.Net.Mime;
using System.Text;
using GeoDR.Secrets;

namespace GeoDR.Alerts;

/// <summary>Which server takes the mail, and for whom it is. Not a record: its text would hold the password.</summary>
public sealed class MailSettings
{
    public required string Host { get; init; }
    public required int Port { get; init; }
    public required MailAddress From { get; init; }
    public required IReadOnlyList<MailAddress> To { get; init; }
    public string? Username { get; init; }
    public Secret<string>? Password { get; init; }
    /// <summary>STARTTLS is asked for, and nothing is sent without it.</summary>
    public required bool StartTls { get; init; }
}

/// <summary>Sends messages by SMTP. docs/decisions says why it is the base library's client.</summary>
public sealed class Mail(MailSettings settings, TimeProvider time, TimeSpan? within = null) : IAlertTarget
{
    public const string TargetName = "mail";

    private readonly TimeSpan _within = within ?? TimeSpan.FromSeconds(10);

    public string Name => TargetName;

    public async Task<DeliveryResult> SendAsync(AlertMessage message, string deliveryId, CancellationToken cancel)
    {
        using var limit = new CancellationTokenSource(_within, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        try
        {
            using var client = new SmtpClient(settings.Host, settings.Port) { EnableSsl = settings.StartTls };
            if (settings.Username is not null)
                client.Credentials = new NetworkCredential(settings.Username, settings.Password?.Value);
            using var mail = Compose(message, deliveryId);
            await client.SendMailAsync(mail, both.Token);
            return DeliveryResult.Done;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return DeliveryResult.Later($"no answer within {_within.TotalSeconds:0.#} s");
        }
        catch (SmtpFailedRecipientException e) when (Failed(e) < settings.To.Count)
        {
            // The others have it; sending again would send it to them again.
            return new(true, false, $"{Failed(e)} of {settings.To.Count} addresses of Geo:Alerts:Mail:To were refused");
        }
        catch (SmtpException e)
        {
            var code = (int)(e is SmtpFailedRecipientsException { InnerExceptions: [var first, ..] } ? first.StatusCode : e.StatusCode);
            var text = AlertMessage.OneLine(e.InnerException is { } inner && code < 0 ? inner.Message : e.Message, 300);
            return code is >= 500 and < 600 ? DeliveryResult.Refused(text) : DeliveryResult.Later(text);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or FormatException or System.Security.Authentication.AuthenticationException)
        {
            return DeliveryResult.Later(AlertMessage.OneLine(e.Message, 300));
        }
    }

    private MailMessage Compose(AlertMessage message, string deliveryId)
    {
        var mail = new MailMessage
        {
            From = settings.From, Subject = message.SubjectLine(), SubjectEncoding = Encoding.UTF8,
            Body = message.Body(), BodyEncoding = Encoding.UTF8, BodyTransferEncoding = TransferEncoding.Base64, IsBodyHtml = false,
        };
        foreach (var to in settings.To)
            mail.To.Add(to);
        // The same at every try, so that a mailbox can know a repeated one; and no out-of-office answers it.
        mail.Headers["Message-ID"] = $"<geodr-{deliveryId}@{settings.From.Host}>";
        mail.Headers["Auto-Submitted"] = "auto-generated";
        return mail;
    }

    private static int Failed(SmtpFailedRecipientException e) => e is SmtpFailedRecipientsException many ? many.InnerExceptions.Length : 1;
}
