using GeoDR.Api;
using GeoDR.Configuration;

namespace GeoDR.Tests.Documentation;

/// <summary>docs/reference is what the code says. <c>./scripts/reference</c> writes it, by these tests.</summary>
public sealed class ReferenceTests
{
    private const string Write = "GEODR_WRITE_REFERENCE";

    public static TheoryData<string> Files => [.. Reference.Files.Keys];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task File_IsWhatTheCodeSays(string file)
    {
        var path = Path.Combine(Source.Root, "docs", "reference", file);
        var text = await Reference.Files[file]();
        if (Environment.GetEnvironmentVariable(Write) is { Length: > 0 })
            await File.WriteAllTextAsync(path, text, TestContext.Current.CancellationToken);
        Assert.True(File.Exists(path) && await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken) == text, $"docs/reference/{file} is not what the code says: run ./scripts/reference");
    }

    [Fact]
    public void LogMessages_HaveIdsOfTheirOwn()
    {
        var messages = Reference.LogMessages();
        Assert.True(messages.Count > 50, "the messages are not found");
        Source.AssertNone(messages.GroupBy(m => m.Message.EventId).Where(g => g.Count() > 1).Select(g => $"{g.Key}: {string.Join(", ", g.Select(m => m.Where))}"));
    }

    [Fact]
    public void EverySetting_IsReadAndDescribed()
    {
        var read = Reference.AllSettings.Select(s => s.Key).ToHashSet(StringComparer.Ordinal);
        var known = UnknownKeys.Known.SelectMany(s => s.Value.Select(k => $"{s.Key}:{k}")).Where(k => !read.Any(r => r.StartsWith(k + ":", StringComparison.Ordinal)));
        Source.AssertNone(known.Where(k => !read.Contains(k) && !(k.EndsWith("File", StringComparison.Ordinal) && read.Contains(k[..^4]))).Select(k => $"{k} is known and never read"));
        Source.AssertNone(Reference.AllSettings.Where(s => s.Description is null).Select(s => $"{s.Key} has no description: give one in {nameof(SettingDescriptions)}"));
        Source.AssertNone(SettingDescriptions.ByKey.Keys.Where(k => !read.Contains(k) && !read.Any(r => r.StartsWith(k + ":", StringComparison.Ordinal))).Select(k => $"{k} is described and never read"));
    }

    [Fact]
    public async Task EveryCall_IsDescribed()
    {
        var calls = Reference.Calls(await Reference.DescriptionAsync()).Select(c => (Name: $"{c.Method} {c.Path}", Summary: (string?)c.Operation["summary"])).ToList();
        Source.AssertNone(calls.Where(c => c.Summary is null).Select(c => $"{c.Name} has no description: give one in {nameof(CallDescriptions)}"));
        Source.AssertNone(CallDescriptions.ByCall.Keys.Except(calls.Select(c => c.Name)).Select(c => $"{c} is described and is no call"));
    }
}
