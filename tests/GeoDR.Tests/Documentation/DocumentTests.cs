using System.CommandLine;
using System.Text.Json;
using System.Text.RegularExpressions;
using GeoDR.Cli;
using GeoDR.Configuration;
using Microsoft.Extensions.Configuration;

namespace GeoDR.Tests.Documentation;

/// <summary>What the documents name exists: verbs, options, settings, types, tests, files and headings.</summary>
public sealed partial class DocumentTests
{
    private static readonly IReadOnlyList<string> s_all = DocBlock.All();

    [Fact]
    public void EveryCommand_IsOneThatThereIs()
    {
        var wrong = new List<string>();
        foreach (var file in s_all)
        {
            foreach (var block in DocBlock.Of(file).Where(b => b.Language is "sh"))
                foreach (var line in Continued().Replace(block.Text, " ").Split('\n'))
                    foreach (var command in Called().Matches(line).Select(m => m.Groups[1].Value))
                        if (Verbs.Root().Parse([.. Arguments().Matches(command).Select(a => a.Value.Trim('\'', '"'))]).Errors is [var error, ..])
                            wrong.Add($"{block.Where}: geodr {command}: {error.Message}");
            wrong.AddRange(Named().Matches(DocBlock.Prose(file)).Select(m => m.Groups[1].Value).Select(Unknown).OfType<string>().Select(w => $"{file}: {w}"));
        }
        Source.AssertNone(wrong);
    }

    /// <summary>A command in the middle of a sentence may name a verb alone, or stand for several: the words must be verbs, and the options theirs.</summary>
    private static string? Unknown(string command)
    {
        Command at = Verbs.Root();
        var words = command.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        foreach (var word in words.TakeWhile(w => w[0] is not ('-' or '[' or '…')))
        {
            if (at.Subcommands.FirstOrDefault(c => c.Name == word.TrimEnd(',', '.')) is { } below)
                at = below;
            else if (at.Arguments.Count == 0 && !word.Contains('|', StringComparison.Ordinal))
                return $"`geodr {command}`: there is no {word}";
            else
                break;
        }
        var options = words.Where(w => w.StartsWith("--", StringComparison.Ordinal)).Select(w => w.TrimEnd(']', ',', '.'));
        return options.FirstOrDefault(o => o != "--help" && at.Options.All(k => k.Name != o)) is { } unknown ? $"`geodr {command}`: there is no {unknown}" : null;
    }

    [Fact]
    public void EverySetting_IsOneThatThereIs()
    {
        var known = Reference.AllSettings.Select(s => s.Key).ToHashSet(StringComparer.Ordinal);
        var wrong =
            from file in s_all
            from Match match in Setting().Matches(Source.Text(file))
            let key = SettingDescriptions.General(match.Groups[1].Value.Replace("__", ":", StringComparison.Ordinal).TrimEnd(':'))
            let whole = Number().Replace(key, "")
            where !known.Contains(whole) && !known.Contains(whole.EndsWith("File", StringComparison.Ordinal) ? whole[..^4] : whole) && !known.Any(k => k.StartsWith(whole + ":", StringComparison.Ordinal))
            select $"{file}: {match.Value}";
        Source.AssertNone(wrong);
    }

    [Fact]
    public void SettingsBlocks_AreAccepted()
    {
        var wrong = new List<string>();
        // Whatever file is named is there.
        var file = Path.GetTempFileName();
        File.WriteAllText(file, "Host=db.example");
        foreach (var block in s_all.SelectMany(DocBlock.Of).Where(b => b.Language == "env"))
        {
            var given = InEtc().Replace(block.Text, file).Split('\n').Where(l => l.Contains('=', StringComparison.Ordinal)).Select(l => l.Split('=', 2)).ToDictionary(l => l[0].Trim().Replace("__", ":", StringComparison.Ordinal), l => (string?)l[1].Trim());
            var reader = new SettingsReader(new ConfigurationBuilder().AddInMemoryCollection(given).Build());
            reader.Read();
            wrong.AddRange(reader.Faults.Where(f => given.Keys.Any(k => k.StartsWith(f.Key, StringComparison.Ordinal))).Select(f => $"{block.Where}: {f}"));
        }
        File.Delete(file);
        Source.AssertNone(wrong);
    }

    [Fact]
    public void EveryBlockOfAGuide_SaysWhatItIs_AndWhyItIsNotRun()
    {
        var wrong = new List<string>();
        foreach (var block in DocBlock.Guides.SelectMany(DocBlock.Of))
        {
            if (block.Language is not ("sh" or "env" or "yaml" or "haproxy" or "json" or "sql" or "toml" or "ruby" or "ini" or "text" or "mermaid"))
                wrong.Add($"{block.Where}: '{block.Language}' is no kind of block that is looked at; `text` is none to be run");
            if (block.Language is "toml" or "ruby" or "ini" && block.SkipReason is null || block.SkipReason is { Length: < 10 })
                wrong.Add($"{block.Where}: say by skip-reason=\"…\" why nothing tries it");
            if (block.Language == "json" && block.SkipReason is null)
                Assert.Null(Record.Exception(() => JsonDocument.Parse(block.Text).Dispose()));
            // "PromoteTests runs it": there is such a test.
            foreach (var test in TestName().Matches(block.SkipReason ?? "").Select(m => m.Value))
                if (!Types().Contains(test))
                    wrong.Add($"{block.Where}: there is no {test}");
        }
        wrong.AddRange(DocBlock.Guides.SelectMany(f => Indented().Matches(DocBlock.Prose(f)).Select(m => $"{f}: give this block a fence and a kind: {m.Groups[1].Value}")));
        Source.AssertNone(wrong);
    }

    [Fact]
    public void EveryLink_LeadsSomewhere()
    {
        var wrong = new List<string>();
        foreach (var file in s_all)
            foreach (var target in Link().Matches(Code().Replace(DocBlock.Prose(file), "")).Select(m => m.Groups[1].Value).Where(t => !t.Contains("://", StringComparison.Ordinal)))
            {
                var (path, anchor) = target.Split('#') switch { [var p, var a] => (p, a), [var p, ..] => (p, null), _ => ("", null) };
                var full = path.Length == 0 ? Path.Combine(Source.Root, file) : Path.GetFullPath(Path.Combine(Source.Root, Path.GetDirectoryName(file)!, path));
                if (!File.Exists(full) && !Directory.Exists(full))
                    wrong.Add($"{file}: {target} is not there");
                else if (anchor is not null && !Anchors(full).Contains(anchor))
                    wrong.Add($"{file}: {target} has no such heading");
            }
        Source.AssertNone(wrong);
    }

    [Fact]
    public void EveryTypeOfTheArchitecture_IsOneThatThereIs()
    {
        var types = Types();
        // "Claims.ClaimAsync" names a type and what it does.
        var wrong = Code().Matches(Source.Text("docs/architecture.md")).Select(m => m.Value.Trim('`')).Where(n => TypeName().IsMatch(n)).Select(n => n.Split('.')[0]).Except(types);
        Source.AssertNone(wrong);
    }

    [Fact]
    public void EveryTestOfTheActions_IsOneThatThereIs() =>
        Source.AssertNone(TestName().Matches(Source.Text("docs/reference/actions.md")).Select(m => m.Value).Except(Types()));

    private static HashSet<string> Anchors(string file)
    {
        var text = File.ReadAllText(file).ReplaceLineEndings("\n");
        return [.. Heading().Matches(text).Select(m => NotInAnchor().Replace(m.Groups[1].Value.ToLowerInvariant(), "").Trim().Replace(' ', '-'))];
    }

    /// <summary>Types, and folders of namespaces, of source and tests.</summary>
    private static HashSet<string> Types() => s_types ??=
    [
        .. new[] { "src", "tests" }.SelectMany(d => Directory.GetFiles(Path.Combine(Source.Root, d), "*.*", SearchOption.AllDirectories))
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal) && !f.Contains($"{Path.DirectorySeparatorChar}bin{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .SelectMany(f => f.EndsWith(".razor", StringComparison.Ordinal) ? [Path.GetFileNameWithoutExtension(f)]
                : f.EndsWith(".cs", StringComparison.Ordinal) ? Declared().Matches(File.ReadAllText(f)).SelectMany(m => new[] { m.Groups[1].Value, m.Groups[2].Value }) : []),
        "GeoDR", .. Directory.GetDirectories(Path.Combine(Source.Root, "src", "GeoDR.Core")).Concat(Directory.GetDirectories(Path.Combine(Source.Root, "src", "GeoDR"))).Select(d => Path.GetFileName(d)!),
    ];

    private static HashSet<string>? s_types;

    [GeneratedRegex(@"/etc/geodr/\S+")]
    private static partial Regex InEtc();

    [GeneratedRegex(@"\\\n\s*")]
    private static partial Regex Continued();

    [GeneratedRegex(@"(?:^|[|(;&]\s*|\$\()\s*geodr ([^#|)<>;&]*)")]
    private static partial Regex Called();

    [GeneratedRegex(@"'[^']*'|""[^""]*""|\S+")]
    private static partial Regex Arguments();

    [GeneratedRegex(@"`geodr ([^`]+)`")]
    private static partial Regex Named();

    [GeneratedRegex(@"\b(Geo(?:__|:)[A-Za-z0-9]+(?:(?:__|:)[A-Za-z0-9]+)*)")]
    private static partial Regex Setting();

    [GeneratedRegex(@":\d+$")]
    private static partial Regex Number();

    [GeneratedRegex(@"\b[A-Z]\w+Tests\b")]
    private static partial Regex TestName();

    // A list's lines may be indented; four spaces behind an empty line, outside of a list, are code.
    [GeneratedRegex(@"(?<=\n\n)((?: {4}|\t)(?! *[-*\d]).*)")]
    private static partial Regex Indented();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("`[^`\n]+`")]
    private static partial Regex Code();

    [GeneratedRegex(@"^[A-Z][a-z]+[A-Za-z]*(\.[A-Z]\w+)?$")]
    private static partial Regex TypeName();

    [GeneratedRegex(@"^#+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchor();

    [GeneratedRegex(@"\b(?:class|record struct|record|struct|interface|enum|delegate [\w<>?]+) (\w+)|namespace (?:\w+\.)*(\w+)")]
    private static partial Regex Declared();
}
