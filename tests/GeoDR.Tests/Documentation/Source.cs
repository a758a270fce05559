using System.Text.RegularExpressions;
using GeoDR.Lab;

namespace GeoDR.Tests.Documentation;

/// <summary>A named value in the source, with its summary.</summary>
public sealed record NamedValue(string Name, string Value, string Summary);

/// <summary>What the reference takes from the text of the source, where no compiled thing holds it.</summary>
internal static partial class Source
{
    public static readonly string Root = GeoProgram.RepositoryRoot();

    /// <summary>The constants of a class, or the members of an enum, in their order.</summary>
    public static IReadOnlyList<NamedValue> ValuesOf(string file, string type)
    {
        var text = Text(file);
        var begin = Regex.Match(text, $@"^public (static class|enum) {type}$", RegexOptions.Multiline).Index;
        var body = text[begin..(text.IndexOf("\n}", begin, StringComparison.Ordinal) + 1)];
        return [.. Value().Matches(body).Select(m => new NamedValue(m.Groups["name"].Value, m.Groups["value"].Value.Trim('"'), Words(m.Groups["summary"].Value)))];
    }

    /// <summary>The families of metrics, wherever in the source one is written.</summary>
    public static IReadOnlyList<(string Name, string Type, string Help, string Labels)> Metrics()
    {
        var found = new SortedDictionary<string, (string, string, string, string)>(StringComparer.Ordinal);
        foreach (var file in Directory.GetFiles(Path.Combine(Root, "src", "GeoDR", "Metrics"), "*.cs"))
            foreach (var match in Family().Matches(File.ReadAllText(file)).Cast<Match>())
            {
                var (name, call) = (match.Groups["name"].Value, match.Groups["call"].Value);
                var labels = match.Groups["label"] is { Success: true } one ? [one.Value] : Label().Matches(match.Groups["rest"].Value).Select(l => l.Groups[1].Value);
                found[name] = (name, match.Groups["type"] is { Success: true } type ? type.Value : call.ToLowerInvariant(), match.Groups["help"].Value, string.Join(", ", labels.Select(l => $"`{l}`")));
            }
        return [.. found.Values];
    }

    /// <summary>Fails with all of them.</summary>
    public static void AssertNone(IEnumerable<string> wrong)
    {
        if (string.Join('\n', wrong.Distinct()) is { Length: > 0 } all)
            Assert.Fail(all);
    }

    public static string Text(string file) => File.ReadAllText(Path.Combine(Root, file)).ReplaceLineEndings("\n");

    private static string Words(string summary) => See().Replace(summary, m => $"`{m.Groups[1].Value}`").ReplaceLineEndings(" ").Replace("    /// ", "", StringComparison.Ordinal).Trim();

    [GeneratedRegex(@"(?:/// <summary>(?<summary>[^\n]*?)</summary>\n(?:\s*///[^\n]*\n)*\s*)?(?:public const \w+ )?(?<name>[A-Z]\w*)(?: = (?<value>""[^""]*""|\d+))?[,;]\n")]
    private static partial Regex Value();

    // The samples' labels stand in the rest of the statement's own call.
    [GeneratedRegex(@"\.(?<call>Gauge|Counter|Family)\(\s*""(?<name>[a-z_]+)"",\s*(?:""(?<type>gauge|counter)"",\s*)?""(?<help>[^""]*)""(?:, ""(?<label>[a-z]+)"")?(?<rest>(?:(?!\.Gauge\(|\.Family\(|\.Counter\(|;\s)[\s\S])*)")]
    private static partial Regex Family();

    [GeneratedRegex(@"\(""([a-z]+)"", ")]
    private static partial Regex Label();

    [GeneratedRegex(@"<(?:see cref|c>)=?""?([\w.]+)(?:""\s*/>|</c>)")]
    private static partial Regex See();
}
