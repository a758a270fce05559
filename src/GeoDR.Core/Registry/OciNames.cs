using System.Diagnostics.CodeAnalysis;

namespace GeoDR.Registry;

/// <summary>The grammar of names (OCI distribution specification 1.1, "Pulling manifests"). One pass, whatever is written.</summary>
public static class OciNames
{
    /// <summary>Path components of lower-case letters and digits, separated inside by one '.', one or two '_', or any '-'; 255 characters at most.</summary>
    public static bool IsRepository([NotNullWhen(true)] string? name)
    {
        if (string.IsNullOrEmpty(name) || name.Length > 255)
            return false;
        foreach (var range in name.AsSpan().Split('/'))
            if (!IsComponent(name.AsSpan(range)))
                return false;
        return true;
    }

    /// <summary>A letter, digit or '_', then up to 127 of those, '.' and '-'.</summary>
    public static bool IsTag([NotNullWhen(true)] string? tag) =>
        tag is { Length: > 0 and <= 128 } && tag[0] is not ('.' or '-')
        && tag.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-');

    private static bool IsComponent(ReadOnlySpan<char> part)
    {
        if (part.IsEmpty || !IsAlphanumeric(part[0]) || !IsAlphanumeric(part[^1]))
            return false;
        for (var i = 0; i < part.Length;)
        {
            if (IsAlphanumeric(part[i]))
            {
                i++;
                continue;
            }
            var separator = part[i];
            var run = part[i..].IndexOfAnyExcept(separator);
            var most = separator switch { '.' => 1, '_' => 2, '-' => int.MaxValue, _ => 0 };
            // The last character is alphanumeric, so every run ends, and what follows must not be another separator.
            if (run > most || !IsAlphanumeric(part[i + run]))
                return false;
            i += run;
        }
        return true;
    }

    private static bool IsAlphanumeric(char c) => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c);
}
