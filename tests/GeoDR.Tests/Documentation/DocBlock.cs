using System.Text.RegularExpressions;

namespace GeoDR.Tests.Documentation;

/// <summary>A fenced block of a document.</summary>
/// <param name="Words">What stands behind the language: <c>at=berlin</c>, <c>skip-reason="…"</c>.</param>
internal sealed partial record DocBlock(string File, int Line, string Language, IReadOnlyDictionary<string, string> Words, string Text)
{
    public string Where => $"{File}:{Line}";

    /// <summary>Why it is not run here; null where it is.</summary>
    public string? SkipReason => Words.GetValueOrDefault("skip-reason");

    /// <summary>README, tutorial and how-to guides: what users follow.</summary>
    public static IReadOnlyList<string> Guides { get; } = [.. All().Where(f => f is "README.md" or "docs/tutorial.md" || f.StartsWith("docs/how-to/", StringComparison.Ordinal))];

    /// <summary>Every document, by its path below the repository's root.</summary>
    public static IReadOnlyList<string> All() =>
    [
        "README.md",
        .. Directory.GetFiles(Path.Combine(Source.Root, "docs"), "*.md", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Source.Root, f)).Order(StringComparer.Ordinal),
    ];

    public static IReadOnlyList<DocBlock> Of(string file)
    {
        var blocks = new List<DocBlock>();
        var lines = Source.Text(file).Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            if (Fence().Match(lines[i]) is not { Success: true } fence)
                continue;
            var (indent, begin) = (fence.Groups["indent"].Length, i);
            var body = lines.Skip(++i).TakeWhile(l => l.Trim() != "```").Select(l => l.Length > indent ? l[indent..] : "").ToList();
            i += body.Count;
            blocks.Add(new(file, begin + 1, fence.Groups["language"].Value, Word().Matches(fence.Groups["words"].Value).ToDictionary(w => w.Groups["key"].Value, w => w.Groups["value"].Value.Trim('"')), string.Join('\n', body)));
        }
        return blocks;
    }

    /// <summary>The document without its blocks.</summary>
    public static string Prose(string file) => Whole().Replace(Source.Text(file), "");

    [GeneratedRegex(@"^(?<indent> *)```(?<language>\w*)(?<words>.*)$")]
    private static partial Regex Fence();

    [GeneratedRegex(@"(?<key>[\w-]+)=(?<value>""[^""]*""|\S+)")]
    private static partial Regex Word();

    [GeneratedRegex(@"^ *```[^\n]*\n[\s\S]*?^ *```$", RegexOptions.Multiline)]
    private static partial Regex Whole();
}
