using System.Security.Authentication;

namespace GeoDR.Registry;

/// <summary>Why a registry could not be spoken to over TLS, where certificates are the reason.</summary>
public enum TlsFault
{
    /// <summary>No authority that is trusted here signed the registry's certificate.</summary>
    Untrusted,
    /// <summary>The registry's certificate is for another name than its URL has.</summary>
    OtherName,
    /// <summary>The registry's certificate has ended, or does not hold yet.</summary>
    OutOfTime,
    /// <summary>The registry wants a client certificate, or another one.</summary>
    ClientRefused,
}

/// <summary>Reads certificates' faults out of the exceptions of .NET and OpenSSL, which tell them by text alone.</summary>
internal static class TlsFaults
{
    public static TlsFault? Of(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
        {
            // With TLS 1.3 a client certificate is refused only when the handshake is over: as an alert in place of the answer.
            if (e.Message.Contains(" alert ", StringComparison.Ordinal)
                && (e.Message.Contains("certificate", StringComparison.Ordinal) || e.Message.Contains("unknown ca", StringComparison.Ordinal)))
                return TlsFault.ClientRefused;
            if (e is AuthenticationException { InnerException: null } && e.Message.Contains("certificate", StringComparison.Ordinal))
                return e.Message.Contains("NameMismatch", StringComparison.Ordinal) ? TlsFault.OtherName
                    : e.Message.Contains("NotTimeValid", StringComparison.Ordinal) ? TlsFault.OutOfTime
                    : TlsFault.Untrusted;
        }
        return null;
    }

    /// <summary>What broke, in words; the outermost message says only that something did.</summary>
    public static string Words(Exception e) => Of(e) switch
    {
        TlsFault.ClientRefused => $"the client certificate is missing or refused: {Innermost(e).Message}",
        not null => Innermost(e).Message,
        null => (e.InnerException ?? e).Message,
    };

    private static Exception Innermost(Exception e) => e.GetBaseException();
}
