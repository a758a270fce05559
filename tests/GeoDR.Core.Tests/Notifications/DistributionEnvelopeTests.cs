using System.Text;
using System.Text.Json;
using GeoDR.EventLog;
using GeoDR.Notifications;

namespace GeoDR.Core.Tests.Notifications;

public sealed class DistributionEnvelopeTests
{
    private const string Digest = "sha256:c11aaad5428a9925bd0ff43e52cee265878e5617aaf38f8b71d2e0c84de48815";

    public static TheoryData<string, int, int> Samples => new()
    {
        // file, events taken in, events ignored
        { "distribution-2.8.2/01-image-push-config+1layer-tag.json", 1, 2 },
        { "distribution-2.8.2/02-re-push-same-manifest-same-tag.json", 1, 0 },
        { "distribution-2.8.2/03-same-manifest-second-tag.json", 1, 0 },
        { "distribution-2.8.2/04-same-manifest-by-digest.json", 1, 0 },
        { "distribution-2.8.2/05-re-upload-existing-blob.json", 0, 1 },
        { "distribution-2.8.2/06-cross-repo-mount-ok.json", 0, 1 },
        { "distribution-2.8.2/08-head-manifest.json", 0, 1 },
        { "distribution-2.8.2/09-pull-manifest-by-tag.json", 0, 1 },
        { "distribution-2.8.2/10-pull-manifest-by-digest.json", 0, 1 },
        { "distribution-2.8.2/11-head-blob.json", 0, 1 },
        { "distribution-2.8.2/12-pull-blob.json", 0, 1 },
        { "distribution-2.8.2/13-pull-blob-range.json", 0, 1 },
        { "distribution-2.8.2/14-index-push.json", 1, 0 },
        { "distribution-2.8.2/15-artifact-with-subject-by-digest.json", 1, 1 },
        { "distribution-2.8.2/16-overwrite-tag-v1-new-manifest.json", 1, 0 },
        { "distribution-2.8.2/18-delete-manifest-by-digest-with-2-tags.json", 4, 0 },
        { "distribution-2.8.2/20-delete-blob.json", 1, 0 },
        { "distribution-2.8.2/22-includereferences-push.json", 1, 0 },
        { "distribution-2.8.2/24-includereferences-pull.json", 0, 1 },
        { "distribution-2.8.2/actor-token-auth.json", 1, 2 },
        { "distribution-3.1.1/01-image-push-config+1layer-tag.json", 1, 2 },
        { "distribution-3.1.1/04-same-manifest-by-digest.json", 1, 0 },
        { "distribution-3.1.1/05-re-upload-existing-blob.json", 0, 1 },
        { "distribution-3.1.1/06-cross-repo-mount-ok.json", 0, 1 },
        { "distribution-3.1.1/14-index-push.json", 1, 0 },
        { "distribution-3.1.1/15-artifact-with-subject-by-digest.json", 1, 1 },
        { "distribution-3.1.1/17-delete-tag-v2.json", 1, 0 },
        { "distribution-3.1.1/22-includereferences-push.json", 1, 0 },
        { "distribution-3.1.1/actor-token-auth.json", 1, 2 },
    };

    [Theory, MemberData(nameof(Samples))]
    public void Parse_CapturedNotification_IsSorted(string file, int taken, int ignored)
    {
        var envelopes = Captured(file).Select(b => DistributionEnvelope.Parse(b)).ToList();
        Assert.All(envelopes, e => Assert.Empty(e.Problems));
        Assert.Equal((taken, ignored), (envelopes.Sum(e => e.Events.Count), envelopes.Sum(e => e.Ignored)));
    }

    [Fact]
    public void Parse_EverySample_IsUnderstood()
    {
        var files = Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Notifications", "Samples"), "*.json", SearchOption.AllDirectories);
        Assert.Equal(45, files.Length);
        Assert.All(files, f => Assert.All(Captured(f), b => Assert.Empty(DistributionEnvelope.Parse(b).Problems)));
    }

    [Fact]
    public void Parse_ReferencesIncluded_SumsBytes()
    {
        var e = Assert.Single(DistributionEnvelope.Parse(Captured("distribution-2.8.2/22-includereferences-push.json")[0]).Events);
        Assert.Equal(416 + 7 + 100, e.Bytes);
        Assert.Equal("v1", e.Tag);
    }

    [Fact]
    public void Parse_NoReferences_BytesAreUnknown() =>
        Assert.Null(Assert.Single(DistributionEnvelope.Parse(Captured("distribution-2.8.2/14-index-push.json")[0]).Events).Bytes);

    [Theory]
    [InlineData("")]
    [InlineData("not json")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"events":{}}""")]
    [InlineData("""{"events":[]}""")]
    [InlineData("""{"events":[1]}""")]
    [InlineData("""{"events":[{"action":7}]}""")]
    [InlineData("""{"events":[{"id":"a","action":"explode","target":{"repository":"a"}}]}""")]
    [InlineData("""{"events":[{"id":"a","action":"push"}]}""")]
    [InlineData("""{"events":[{"id":"a","action":"push","target":{"repository":"../x","tag":"v1","digest":"sha256:c11aaad5428a9925bd0ff43e52cee265878e5617aaf38f8b71d2e0c84de48815"}}]}""")]
    [InlineData("""{"events":[{"id":"a","action":"push","target":{"repository":"A","tag":"v1","digest":"sha256:c11aaad5428a9925bd0ff43e52cee265878e5617aaf38f8b71d2e0c84de48815"}}]}""")]
    [InlineData("""{"events":[{"id":"a","action":"push","target":{"repository":"a","tag":"v 1","digest":"sha256:c11aaad5428a9925bd0ff43e52cee265878e5617aaf38f8b71d2e0c84de48815"}}]}""")]
    [InlineData("""{"events":[{"id":"a","action":"push","target":{"repository":"a","tag":"v1","digest":"sha256:xyz"}}]}""")]
    [InlineData("""{"events":[{"id":"a","action":"push","target":{"repository":"a","tag":"v1"}}]}""")]
    [InlineData("""{"events":[{"id":"a\u0000b","action":"push","target":{"repository":"a","tag":"v1","digest":"sha256:c11aaad5428a9925bd0ff43e52cee265878e5617aaf38f8b71d2e0c84de48815"}}]}""")]
    [InlineData("""{"events":[{"action":"push","target":{"repository":"a","tag":"v1","digest":"sha256:c11aaad5428a9925bd0ff43e52cee265878e5617aaf38f8b71d2e0c84de48815"}}]}""")]
    [InlineData("""{"events":[{"id":"a","action":"push","target":{"size":-1,"repository":"a","tag":"v1","digest":"sha256:c11aaad5428a9925bd0ff43e52cee265878e5617aaf38f8b71d2e0c84de48815"}}]}""")]
    [InlineData("""{"events":[{"id":"a","action":"push","timestamp":"yesterday","target":{"repository":"a","tag":"v1","digest":"sha256:c11aaad5428a9925bd0ff43e52cee265878e5617aaf38f8b71d2e0c84de48815"}}]}""")]
    [InlineData("""{"events":[{"id":"a","action":"delete","target":{"repository":"a"}}]}""")]
    public void Parse_HostileEnvelope_IsAProblemAndNoEvent(string body)
    {
        var envelope = DistributionEnvelope.Parse(Encoding.UTF8.GetBytes(body));
        Assert.Empty(envelope.Events);
        Assert.NotEmpty(envelope.Problems);
    }

    [Fact]
    public void Parse_DeepNesting_IsAProblem() =>
        Assert.NotEmpty(DistributionEnvelope.Parse(Encoding.UTF8.GetBytes(new string('[', 100_000))).Problems);

    [Fact]
    public void Parse_BytesThatAreNotUtf8_AreAProblem()
    {
        var body = Encoding.UTF8.GetBytes($$$"""{"events":[{"id":"X","action":"push","target":{"repository":"a","tag":"v1","digest":"{{{Digest}}}"}}]}""");
        body[Array.IndexOf(body, (byte)'X')] = 0xFF;
        Assert.NotEmpty(DistributionEnvelope.Parse(body).Problems);
    }

    [Fact]
    public void Parse_MixedEnvelope_KeepsTheGoodEvents()
    {
        var body = $$$"""
            {"events":[{"id":"1","action":"push","target":{"repository":"a","tag":"v1","digest":"{{{Digest}}}"}},
                       {"id":"2","action":"push","target":{"repository":"..","tag":"v1","digest":"{{{Digest}}}"}},
                       {"id":"3","action":"pull"},
                       {"id":"4","action":"delete","target":{"repository":"a","tag":"v0"}}]}
            """;
        var envelope = DistributionEnvelope.Parse(Encoding.UTF8.GetBytes(body));
        Assert.Equal([EventKinds.Push, EventKinds.Delete], envelope.Events.Select(e => e.Kind));
        Assert.Equal(1, envelope.Ignored);
        Assert.StartsWith("event 1:", Assert.Single(envelope.Problems), StringComparison.Ordinal);
    }

    private static List<ReadOnlyMemory<byte>> Captured(string file)
    {
        var path = Path.IsPathRooted(file) ? file : Path.Combine(AppContext.BaseDirectory, "Notifications", "Samples", file);
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        return [.. document.RootElement.EnumerateArray().Select(r => new ReadOnlyMemory<byte>(Encoding.UTF8.GetBytes(r.GetProperty("raw").GetString()!)))];
    }
}
