using GeoDR.Dashboard;
using GeoDR.Status;
using GeoDR.SyncState;

namespace GeoDR.Tests.Dashboard;

public sealed class RepositoryFilterTests
{
    private static readonly RepositoryCursor s_place = new(RepositoryOrder.ByName, "app/web", 7);

    [Theory]
    [InlineData(null, null, null, null, null, null, "/")]
    [InlineData("nonsense", "  ", "neither", "\n", "maybe", "size", "/")]
    [InlineData("failed", null, null, null, null, "name", "/?state=failed")]
    [InlineData("Synced", "a&b/c d", null, null, "false", null, "/?state=synced&search=a%26b%2Fc%20d")]
    [InlineData(null, "a\0b\n", "Failed", "no answer", "true", "-LASTSYNCED", "/?search=ab&verification=failed&cause=no%20answer&paused=true&sort=-lastSynced")]
    public void Read_WhateverWasTyped_GivesACleanUrl(string? state, string? search, string? verification, string? cause, string? paused, string? sort, string url) =>
        Assert.Equal(url, RepositoryFilter.Read(state, search, verification, cause, paused, sort, null, null).ToUrl());

    [Fact]
    public void Read_PlaceInTheSameOrder_IsKept_AndAnyOtherIsTheFirstPage()
    {
        var place = s_place.ToString();
        Assert.Equal($"/?after={place}", Read(null, place, null).ToUrl());
        Assert.Equal($"/?before={place}", Read(null, null, place).ToUrl());
        Assert.Equal("/?before=end", Read(null, null, "end").ToUrl());
        Assert.Equal("/?sort=-name", Read("-name", place, null).ToUrl());
        Assert.Equal("/", Read(null, "made-up", null).ToUrl());
    }

    [Fact]
    public void Of_OtherRowsOrAnotherOrderFromALaterPage_BeginsAtTheFirst()
    {
        var later = new RepositoryFilter(new(RepositoryState.Failed, "x"), RepositoryOrder.ByName, s_place);
        Assert.Equal("/?state=pending&search=x", later.Of(later.Rows with { State = RepositoryState.Pending }).ToUrl());
        Assert.Equal("/?state=failed&search=x&sort=-waiting", later.In(new(RepositorySort.Waiting, true)).ToUrl());
    }

    [Fact]
    public void Question_BeforeWorkOnMany_SaysHowManyAndAboutHowMuch()
    {
        Assert.Equal(
            "12 paused failed repositories whose name contains “app” and whose check is succeeded and that failed with “denied” will be compared in full with the primary. "
            + "Their images here are about 3 MiB; 1 KiB are known to wait. Only what differs is copied.",
            BulkWords.Resync(new(RepositoryState.Failed, "app", VerificationState.Succeeded, "denied", true), new(12, 3 << 20, 1024)));
        Assert.Equal(
            "All 1 repository will be compared in full with the primary, and its catalog is read again. How much their images are is not known. Only what differs is copied.",
            BulkWords.Resync(RowFilter.All, new(1, 0, 0)));
    }

    private static RepositoryFilter Read(string? sort, string? after, string? before) => RepositoryFilter.Read(null, null, null, null, null, sort, after, before);
}
