using System.Text;

namespace GeoDR.Notifications;

/// <summary>Shows what a stranger sent to a person.</summary>
public static class BodyText
{
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The body as text; null where it is not UTF-8.</summary>
    public static string? Of(ReadOnlySpan<byte> body)
    {
        try
        {
            return s_strict.GetString(body);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    /// <summary>The text with every character that could steer a terminal written out, as <c>\u001b</c>.</summary>
    public static string ForTerminal(string text)
    {
        var safe = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            // Direction marks reorder what is read; both kinds are invisible where they stand.
            if (c is '\n' or '\t' || !char.IsControl(c) && char.GetUnicodeCategory(c) != System.Globalization.UnicodeCategory.Format)
                safe.Append(c);
            else
                safe.Append($"\\u{(int)c:x4}");
        }
        return safe.ToString();
    }
}
