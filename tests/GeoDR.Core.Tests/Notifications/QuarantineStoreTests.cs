using System.Text;
using GeoDR.Audit;
using GeoDR.Core.Tests.EventLog;
using GeoDR.Core.Tests.Postgres;
using GeoDR.EventLog;
using GeoDR.Notifications;

namespace GeoDR.Core.Tests.Notifications;

/// <summary>What could not be understood, read again.</summary>
public sealed class QuarantineStoreTests(PostgresFixture postgres) : DatabaseTest(postgres, "primary")
{
    private const string Push = """{"id":"e1","action":"push","target":{"repository":"team/app","tag":"v1","mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"DIGEST"}}""";
    private const string Delete = """{"id":"e2","action":"delete","target":{"repository":"team/app","tag":"v1"}}""";
    private const string Unknown = """{"id":"e3","action":"explode","target":{"repository":"team/app"}}""";

    private QuarantineStore Quarantine => new(Database.Source);

    private LogAppender Log => new(Database.Source);

    [Fact]
    public async Task Replay_BodyThatIsUnderstoodNow_IsAppendedOnceAndLeaves()
    {
        var first = await Quarantine.ReplayAsync(await KeepAsync(Envelope(Push)), "anna", Stop);
        Assert.Equal((ReplayOutcome.Understood, 1, 0), (first.Outcome, first.Appended, first.Known));
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from quarantine"));

        var again = await Quarantine.ReplayAsync(await KeepAsync(Envelope(Push, Push)), "anna", Stop);
        Assert.Equal((ReplayOutcome.Understood, 0, 1), (again.Outcome, again.Appended, again.Known));
        Assert.Equal(["push team/app:v1"], await Database.ColumnAsync<string>("select kind || ' ' || repository || ':' || tag from event"));
    }

    [Fact]
    public async Task Replay_OnlyPartlyUnderstood_AppendsThatAndKeepsTheBodyWithTodaysWords()
    {
        var id = await KeepAsync(Envelope(Unknown, Push));
        var replay = await Quarantine.ReplayAsync(id, "anna", Stop);
        Assert.Equal((ReplayOutcome.Stays, 1), (replay.Outcome, replay.Appended));
        Assert.Equal(["event 0: has an unknown action 'explode'"], replay.Problems);
        var kept = Assert.Single(await Quarantine.ListAsync(0, 10, Stop));
        Assert.Equal(replay.Problems, kept.Problems);
        Assert.Equal(0, (await Quarantine.ReplayAsync(id, "anna", Stop)).Appended);
        Assert.Equal(1L, await Database.ScalarAsync<long>("select count(*) from event"));
    }

    [Fact]
    public async Task Replay_DeleteThatALaterPushOvertook_IsLeftOut()
    {
        var id = await KeepAsync(Envelope(Delete));
        await Log.AppendAsync([Events.Push("team/app", "v1"), Events.Push("team/app", "v2")], [], Stop);
        var replay = await Quarantine.ReplayAsync(id, "anna", Stop);
        Assert.Equal((ReplayOutcome.Understood, 0, 1), (replay.Outcome, replay.Appended, replay.Overtaken));
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from event where kind = 'delete'"));
    }

    [Fact]
    public async Task Replay_WhereItCannotBe_SaysWhyAndChangesNothing()
    {
        var cut = await KeepAsync(Envelope(Push), truncated: true);
        Assert.Equal(ReplayOutcome.Truncated, (await Quarantine.ReplayAsync(cut, "anna", Stop)).Outcome);
        Assert.Equal(ReplayOutcome.Unknown, (await Quarantine.ReplayAsync(cut + 1, "anna", Stop)).Outcome);
        await Database.ExecuteAsync("update site set role = 'secondary'");
        Assert.Equal(ReplayOutcome.NotPrimary, (await Quarantine.ReplayAsync(cut, "anna", Stop)).Outcome);
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from event"));
        Assert.Equal(1L, await Database.ScalarAsync<long>("select count(*) from quarantine"));
    }

    [Fact]
    public async Task Replay_HostileBodies_StayByteForByte()
    {
        foreach (var body in new byte[][]
        {
            [], [0x7b, 0xff, 0xfe, 0x00, 0x7d], [.. "null"u8], Encoding.UTF8.GetBytes(new string('[', 100_000)),
            Envelope(Push.Replace("e1", "a\\u0000b", StringComparison.Ordinal)), Envelope(Push.Replace("team/app", "x'); drop table event; --", StringComparison.Ordinal)),
            Envelope(Push.Replace("\"e1\"", "{}", StringComparison.Ordinal)), Envelope(Push.Replace("v1", "\\ud800", StringComparison.Ordinal)),
        })
        {
            var id = await KeepAsync(body);
            var replay = await Quarantine.ReplayAsync(id, "anna", Stop);
            Assert.Equal(ReplayOutcome.Stays, replay.Outcome);
            Assert.NotEmpty(replay.Problems);
            Assert.Equal(body, (await Quarantine.FindAsync(id, Stop))!.Value.Body);
        }
        Assert.Equal(0L, await Database.ScalarAsync<long>("select count(*) from event"));
        Assert.Equal(8L, await Database.ScalarAsync<long>("select count(*) from quarantine"));
    }

    [Fact]
    public async Task Replay_OfAnotherSender_IsReadByThatSendersParser()
    {
        var body = Encoding.UTF8.GetBytes($$$"""{"id":"a1","action":"push","target":{"repository":"team/app","tag":"v1","digest":"{{{Events.Digest}}}"}}""");
        var (mistaken, right) = (await KeepAsync(body), await KeepAsync(body, format: NotificationFormats.Acr));
        Assert.Equal(ReplayOutcome.Stays, (await Quarantine.ReplayAsync(mistaken, "anna", Stop)).Outcome);
        Assert.Equal((ReplayOutcome.Understood, 1), await OutcomeAsync(right));
        Assert.Equal(["distribution"], (await Quarantine.ListAsync(0, 10, Stop)).Select(r => r.Format));
        Assert.Equal(["acr:a1"], await Database.ColumnAsync<string>("select source_event_id from event"));

        async Task<(ReplayOutcome, int)> OutcomeAsync(long id) => await Quarantine.ReplayAsync(id, "anna", Stop) is var r ? (r.Outcome, r.Appended) : default;
    }

    [Fact]
    public async Task Drop_WhatCanNeverBeReplayed_LeavesALineThatSaysWho()
    {
        var cut = await KeepAsync(Envelope(Push), truncated: true);
        await Quarantine.ReplayAsync(await KeepAsync(Envelope(Push, Push)), "bert", Stop);
        Assert.True(await Quarantine.DropAsync(cut, "anna", Stop));
        Assert.False(await Quarantine.DropAsync(cut, "anna", Stop));
        Assert.Empty(await Quarantine.ListAsync(0, 10, Stop));
        var audit = await new AuditLog(Database.Source).ListAsync(new(), null, 10, Stop);
        Assert.Equal([("anna", AuditWords.Dropped), ("bert", AuditWords.Replayed)], audit.Select(a => (a.Who, a.What)));
        Assert.Contains("cut off, came 1 times): yesterday's words", audit[0].Detail, StringComparison.Ordinal);
        Assert.Contains("1 events appended, removed", audit[1].Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_ManyKept_PagesAndCountsRepetitions()
    {
        foreach (var n in Enumerable.Range(0, 5))
            await KeepAsync(Envelope(Unknown.Replace("e3", $"e{n}", StringComparison.Ordinal)));
        var repeated = await KeepAsync(Envelope(Unknown));
        var page = await Quarantine.ListAsync(0, 3, Stop);
        var rest = await Quarantine.ListAsync(page[^1].Id, 3, Stop);
        Assert.Equal(5, page.Concat(rest).DistinctBy(r => r.Id).Count());
        Assert.Equal(2, rest.Concat(page).Single(r => r.Id == repeated).Times);
        Assert.All(page, r => Assert.Equal(("10.0.0.1", false), (r.Sender, r.Truncated)));
    }

    [Fact]
    public void ForTerminal_TextThatWouldSteerIt_IsWrittenOut()
    {
        Assert.Equal("a\n\tb é \\u001b[2J\\u0007\\u202e\\u009b\\u000d", BodyText.ForTerminal("a\n\tb é \u001b[2J\u0007\u202e\u009b\r"));
        Assert.Null(BodyText.Of([0xff, 0xfe]));
    }

    private static byte[] Envelope(params string[] events) =>
        Encoding.UTF8.GetBytes($$"""{"events":[{{string.Join(',', events).Replace("DIGEST", Events.Digest, StringComparison.Ordinal)}}]}""");

    private async Task<long> KeepAsync(byte[] body, bool truncated = false, string format = NotificationFormats.Distribution)
    {
        await Log.AppendAsync([], [new QuarantinedBody(body, truncated, ["yesterday's words"], "10.0.0.1", format)], Stop);
        await using var command = Database.Source.CreateCommand("select id from quarantine where body = $1 and format = $2");
        command.Parameters.AddWithValue(body);
        command.Parameters.AddWithValue(format);
        return (long)(await command.ExecuteScalarAsync(Stop))!;
    }
}
