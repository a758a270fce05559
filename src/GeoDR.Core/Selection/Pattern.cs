using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace GeoDR.Selection;

/// <summary>A pattern over names: <c>*</c> stands for anything within a path component, <c>**</c> for anything, <c>?</c> for one character.</summary>
public sealed class Pattern
{
    private const int MaxLength = 255;
    private readonly Regex _expression;

    private Pattern(string text)
    {
        Text = text;
        var expression = Regex.Escape(text).Replace(@"\*\*", ".*", StringComparison.Ordinal)
            .Replace(@"\*", "[^/]*", StringComparison.Ordinal).Replace(@"\?", "[^/]", StringComparison.Ordinal);
        // No backtracking: a pattern costs time in proportion to the name, whatever is written.
        _expression = new Regex($@"\A{expression}\z", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
    }

    public string Text { get; }

    public static bool TryParse(string text, [NotNullWhen(true)] out Pattern? pattern)
    {
        pattern = text.Length is > 0 and <= MaxLength && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or '/' or '*' or '?')
            ? new Pattern(text) : null;
        return pattern is not null;
    }

    public bool Matches(string name) => _expression.IsMatch(name);

    public override string ToString() => Text;
}
