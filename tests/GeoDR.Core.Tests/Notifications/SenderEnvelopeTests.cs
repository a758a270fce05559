using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using GeoDR.EventLog;
using GeoDR.Notifications;
using GeoDR.Registry;

namespace GeoDR.Core.Tests.Notifications;

/// <summary>Harbor, zot and ACR: samples after their sources, and what strangers may write instead.</summary>
public sealed class SenderEnvelopeTests
{
    private const string Digest = "sha256:c11aaad5428a9925bd0ff43e52cee265878e5617aaf38f8b71d2e0c84de48815";

    public static TheoryData<string, string[]> Samples => new()
    {
        { "harbor/push.json", [$"push v1 {Digest} anna"] },
        { "harbor/push-by-digest.json", [$"push - {Digest} anna"] },
        { "harbor/pull.json", [] },
        { "harbor/delete.json", [$"delete - {Digest} anna", "delete v1 - anna"] },
        { "harbor/delete-untagged.json", [$"delete - {Digest} anna"] },
        { "harbor/scanned.json", [] },
        { "harbor/quota.json", [] },
        { "harbor/replication.json", [] },
        { "harbor/retention.json", [] },
        { "harbor/cloud-push.json", [$"push v1 {Digest} anna"] },
        { "harbor/cloud-delete.json", [$"delete - {Digest} anna", "delete v1 - anna"] },
        { "harbor/cloud-pull.json", [] },
        { "harbor/cloud-scan.json", [] },
        { "zot/image-updated.json", [$"push v1 {Digest} -"] },
        { "zot/image-updated-by-digest.json", [$"push - {Digest} -"] },
        { "zot/image-updated-with-actor.json", [$"push v1 {Digest} anna"] },
        { "zot/image-deleted.json", [$"delete v1 {Digest} -"] },
        { "zot/image-deleted-by-digest.json", [$"delete - {Digest} -"] },
        { "zot/image-lint-failed.json", [] },
        { "zot/repository-created.json", [] },
        { "acr/push.json", [$"push v1 {Digest} -"] },
        { "acr/push-by-digest.json", [$"push - {Digest} -"] },
        { "acr/delete.json", [$"delete - {Digest} -"] },
        { "acr/delete-repository.json", [] },
        { "acr/quarantine.json", [] },
        { "acr/ping.json", [] },
        { "acr/chart-push.json", [] },
        { "acr/chart-delete.json", [] },
    };

    [Theory, MemberData(nameof(Samples))]
    public void Parse_Sample_IsSorted(string file, string[] events)
    {
        var envelope = Parse(file, Body(file));
        Assert.Empty(envelope.Problems);
        Assert.Equal(events, envelope.Events.Select(e => $"{e.Kind} {e.Tag ?? "-"} {e.Digest ?? "-"} {e.Actor ?? "-"}"));
        Assert.Equal(events.Length == 0 ? 1 : 0, envelope.Ignored);
        Assert.All(envelope.Events, RequireSane);
        Assert.All(envelope.Events, e => Assert.Equal(("team/app", null, null), (e.Repository, e.Bytes, e.InstanceId)));
        Assert.All(envelope.Events, e => Assert.NotNull(e.OccurredAt));
        // The same again is the same event.
        Assert.Equal(envelope.Events.Select(e => e.SourceEventId), Parse(file, Body(file)).Events.Select(e => e.SourceEventId));
        Assert.Equal(envelope.Events.Count, envelope.Events.Select(e => e.SourceEventId).Distinct().Count());
    }

    [Fact]
    public void Samples_AreAllInTheList() =>
        Assert.Equal(Samples.Count, Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Notifications", "SenderSamples"), "*.json", SearchOption.AllDirectories).Length);

    [Fact]
    public void Harbor_AnotherSecondOrDigest_IsAnotherEvent()
    {
        var body = JsonNode.Parse(Body("harbor/push.json").Span)!;
        var first = Assert.Single(HarborEnvelope.Parse(Bytes(body)).Events);
        body["occur_at"] = 1763733662;
        Assert.NotEqual(first.SourceEventId, Assert.Single(HarborEnvelope.Parse(Bytes(body)).Events).SourceEventId);
    }

    [Fact]
    public void Harbor_GoodAmongBad_KeepsTheGood()
    {
        var body = JsonNode.Parse(Body("harbor/push.json").Span)!;
        var resources = body["event_data"]!["resources"]!.AsArray();
        resources.Insert(0, JsonNode.Parse("""{"tag":"../x","digest":"sha256:abc"}"""));
        resources.Add(JsonValue.Create(7));
        var envelope = HarborEnvelope.Parse(Bytes(body));
        Assert.Equal("v1", Assert.Single(envelope.Events).Tag);
        Assert.Equal(2, envelope.Problems.Count);
    }

    [Fact]
    public void CloudEvent_InBinaryForm_ReadsAsTheStructuredOne()
    {
        var sample = JsonNode.Parse(Body("zot/image-updated.json").Span)!;
        var structured = CloudEvent.Structured(name => (string?)sample[name], Bytes(sample["data"]!));
        Assert.Equal(ZotEnvelope.Parse(Body("zot/image-updated.json")).Events, ZotEnvelope.Parse(structured).Events);

        // Whatever the headers and the body hold, it is one JSON object that says so.
        foreach (var (header, body) in new (string?, byte[])[] { ("a\"b\\\u0001é", [0xff, 0x00]), (null, []), ("x", [.. "{\"a\":"u8]), ("\ud800", [.. "7"u8]) })
        {
            var whole = CloudEvent.Structured(_ => header, body);
            Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(whole).RootElement.ValueKind);
            Assert.NotEmpty(ZotEnvelope.Parse(whole).Problems);
        }
    }

    public static TheoryData<string> Formats => [NotificationFormats.Harbor, NotificationFormats.Zot, NotificationFormats.Acr];

    [Theory, MemberData(nameof(Formats))]
    public void Parse_HostileBody_IsAProblemAndNoEvent(string format)
    {
        foreach (var body in new[]
        {
            "", "not JSON", "null", "7", "[]", "{}", """{"type":7}""", """{"action":{}}""", """{"type":"explode","action":"explode"}""", new string('[', 100_000),
            """{"type":"PUSH_ARTIFACT"}""", """{"type":"PUSH_ARTIFACT","event_data":7}""", """{"type":"PUSH_ARTIFACT","event_data":{"repository":7,"resources":[]}}""",
            """{"type":"PUSH_ARTIFACT","event_data":{"repository":{"repo_full_name":"a"},"resources":{}}}""",
            """{"type":"x.image.updated","id":"a"}""", """{"type":"x.image.updated","id":"a","data":[]}""", """{"action":"push","id":"a"}""",
            """{"action":"push","id":"a","target":"x"}""",
        })
            RequireRefused(NotificationFormats.Parse(format, Encoding.UTF8.GetBytes(body)), body);
        RequireRefused(NotificationFormats.Parse(format, new byte[] { 0x7b, 0xff, 0xfe, 0x00, 0x7d }), "not UTF-8");
        RequireRefused(NotificationFormats.Parse("unheard of", "{}"u8.ToArray()), "no such sender");
    }

    public static TheoryData<string, string> Changes
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var name in new[] { "\"../x\"", "\"UPPER\"", "\"a/../../etc/passwd\"", "\"x'); drop table event; --\"", $"\"{new string('a', 5000)}\"", "7", "null", "\"a\\u0000\"", "\"\\ud800\"" })
            {
                data.Add("harbor/push.json:event_data.repository.repo_full_name", name);
                data.Add("zot/image-updated.json:data.name", name);
                data.Add("acr/push.json:target.repository", name);
            }
            foreach (var digest in new[] { "\"sha256:abc\"", "\"md5:d41d8cd98f00b204e9800998ecf8427e\"", "{}", "7" })
            {
                data.Add("harbor/push.json:event_data.resources.0.digest", digest);
                data.Add("zot/image-updated.json:data.digest", digest);
                data.Add("acr/push.json:target.digest", digest);
            }
            foreach (var tag in new[] { "\"../../x\"", "\"a\\u0000b\"", "7", "\"v 1\"" })
            {
                data.Add("harbor/push.json:event_data.resources.0.tag", tag);
                data.Add("zot/image-updated.json:data.reference", tag);
                data.Add("acr/push.json:target.tag", tag);
            }
            foreach (var id in new[] { "null", "{}", "\"a\\u0000\"", $"\"{new string('a', 256)}\"" })
            {
                data.Add("harbor/cloud-push.json:id", id);
                data.Add("zot/image-updated.json:id", id);
                data.Add("acr/push.json:id", id);
            }
            data.Add("harbor/push.json:occur_at", "1e300");
            data.Add("harbor/push.json:occur_at", "-1");
            data.Add("harbor/push.json:occur_at", "\"yesterday\"");
            data.Add("harbor/cloud-push.json:time", "\"yesterday\"");
            data.Add("zot/image-updated.json:time", "\"yesterday\"");
            data.Add("acr/push.json:timestamp", "\"yesterday\"");
            data.Add("acr/push.json:target.size", "-1");
            data.Add("zot/image-updated-with-actor.json:data.actor", "7");
            return data;
        }
    }

    [Theory, MemberData(nameof(Changes))]
    public void Parse_SampleWithOneThingWrong_IsAProblemAndNoEvent(string where, string value)
    {
        var (file, path) = (where.Split(':')[0], where.Split(':')[1].Split('.'));
        var body = JsonNode.Parse(Body(file).Span)!;
        var at = body;
        foreach (var step in path[..^1])
            at = int.TryParse(step, out var index) ? at![index] : at![step];
        at![path[^1]] = "\"VALUE\"";
        var text = Encoding.UTF8.GetString(Bytes(body).Span).Replace("\"\\u0022VALUE\\u0022\"", value, StringComparison.Ordinal);
        Assert.Contains(value, text, StringComparison.Ordinal);
        RequireRefused(Parse(file, Encoding.UTF8.GetBytes(text)), where);
    }

    [Fact]
    public void Parse_SamplesDamagedAnyhow_NeverThrowsAndYieldsOnlySaneEvents()
    {
        var random = new Random(4);
        foreach (var file in Samples.Select(s => s.Data.Item1))
            for (var i = 0; i < 300; i++)
            {
                var body = Body(file).ToArray().ToList();
                for (var n = random.Next(1, 4); n > 0; n--)
                {
                    var at = random.Next(body.Count);
                    switch (random.Next(3))
                    {
                        case 0: body[at] = (byte)random.Next(256); break;
                        case 1: body.RemoveRange(at, Math.Min(random.Next(1, 40), body.Count - at)); break;
                        default: body.InsertRange(at, body.GetRange(random.Next(body.Count), 1)); break;
                    }
                    if (body.Count == 0)
                        body.Add((byte)'{');
                }
                foreach (var format in new[] { file.Split('/')[0], NotificationFormats.Distribution })
                    Assert.All(NotificationFormats.Parse(format, body.ToArray()).Events, RequireSane);
            }
    }

    private static void RequireSane(NewEvent e)
    {
        Assert.True(OciNames.IsRepository(e.Repository), e.Repository);
        Assert.True(e.Tag is null || OciNames.IsTag(e.Tag), e.Tag);
        Assert.True(e.Digest is null || GeoDR.Registry.Digest.TryParse(e.Digest, out _), e.Digest);
        Assert.True(e.Tag is not null || e.Digest is not null);
        Assert.InRange(e.SourceEventId.Length, 1, 255);
        Assert.DoesNotContain('\0', e.SourceEventId + e.Actor + e.Agent + e.MediaType);
    }

    private static void RequireRefused(Envelope envelope, string what)
    {
        Assert.True(envelope.Events.Count == 0 && envelope.Problems.Count > 0, what);
        Assert.All(envelope.Problems, p => Assert.True(p.Length < 300 && !p.Any(char.IsControl), p));
    }

    private static Envelope Parse(string file, ReadOnlyMemory<byte> body) => NotificationFormats.Parse(file.Split('/')[0], body);

    private static ReadOnlyMemory<byte> Body(string file) => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Notifications", "SenderSamples", file));

    private static ReadOnlyMemory<byte> Bytes(JsonNode node) => Encoding.UTF8.GetBytes(node.ToJsonString());
}
