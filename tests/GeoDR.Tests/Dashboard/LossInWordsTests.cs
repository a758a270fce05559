using GeoDR.Dashboard;
using GeoDR.Status;

namespace GeoDR.Tests.Dashboard;

public sealed class LossInWordsTests
{
    private static readonly LossSummary s_none = new(0, null, 0, 0, 0.4, 0.4, true, false, 0, null);

    public static TheoryData<LossSummary, string> Sentences => new()
    {
        { s_none, "no push that is known would be lost; the log was read 0.4 s ago." },
        { s_none with { Pushes = 1, OldestSeconds = 40, KnownBytes = 2048 }, "1 push would be lost, 40 s old, 2 KiB; the log was read 0.4 s ago." },
        {
            s_none with { Pushes = 3, OldestSeconds = 200, KnownBytes = 12_897_484, UnknownSizes = 1 },
            "3 pushes would be lost, the oldest 3 min 20 s old, 12.3 MiB known, 1 of unknown size; the log was read 0.4 s ago."
        },
        { s_none with { Pushes = 2, OldestSeconds = 12, UnknownSizes = 2 }, "2 pushes would be lost, the oldest 12 s old, of unknown size; the log was read 0.4 s ago." },
        { s_none with { Fresh = false, WindowSeconds = 303 }, "no push that is known would be lost; what was pushed in the last 5 min 3 s is not known." },
        { s_none with { Fresh = false, WindowSeconds = null, Problem = "x" }, "no push that is known would be lost; what was pushed of late is not known, the log is not followed." },
        { s_none with { ReadSecondsAgo = null, Fresh = false }, "no push that is known would be lost; the primary's log has not been read yet." },
        { s_none with { BackfillRunning = true, NotCompared = 7 }, "no push that is known would be lost; the log was read 0.4 s ago; a backfill is running, so not everything is known yet." },
        { s_none with { NotCompared = 1 }, "no push that is known would be lost; the log was read 0.4 s ago; 1 repository is still to be compared whole." },
        { s_none with { Targets = [new(null, "age", 300, 1, false, null, false)] }, "no push that is known would be lost; the log was read 0.4 s ago. The target is kept." },
        {
            s_none with { Targets = [new(null, "age", 300, 500, true, 200, false), new("team/**", "bytes", 1 << 30, 3L << 30, true, 2L << 30, false), new("x", "bytes", 1, 0, false, null, false)] },
            "no push that is known would be lost; the log was read 0.4 s ago. Passed: the target of 5 min, by 3 min 20 s; the target of 1 GiB for team/**, by 2 GiB."
        },
        {
            s_none with { ReadSecondsAgo = null, Fresh = false, Targets = [new(null, "age", 300, null, true, null, true)] },
            "no push that is known would be lost; the primary's log has not been read yet. Passed: the target of 5 min, nobody can say by how much."
        },
    };

    [Theory]
    [MemberData(nameof(Sentences))]
    public void Sentence_OfASummary_SaysIt(LossSummary loss, string said) => Assert.Equal($"If the primary were lost now: {said}", LossInWords.Sentence(loss));
}
