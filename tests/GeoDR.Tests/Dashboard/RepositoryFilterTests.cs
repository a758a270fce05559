using GeoDR.Dashboard;
using GeoDR.SyncState;

namespace GeoDR.Tests.Dashboard;

public sealed class RepositoryFilterTests
{
    [Theory]
    [InlineData(null, null, null, "/")]
    [InlineData("nonsense", "  ", -4, "/")]
    [InlineData("failed", null, 1, "/?state=failed")]
    [InlineData("Synced", "a&b/c d", 3, "/?state=synced&search=a%26b%2Fc%20d&page=3")]
    [InlineData(null, "a\0b\n", null, "/?search=ab")]
    public void From_WhateverWasTyped_GivesACleanUrl(string? state, string? search, int? page, string url) =>
        Assert.Equal(url, RepositoryFilter.From(state, search, page).ToUrl());

    [Fact]
    public void From_LargestPage_DoesNotOverflow() => Assert.True(RepositoryFilter.From(null, null, int.MaxValue).Skip > 0);

    [Fact]
    public void WithState_FromALaterPage_BeginsAtTheFirst() =>
        Assert.Equal("/?state=pending&search=x", RepositoryFilter.From("failed", "x", 7).WithState(RepositoryState.Pending).ToUrl());

    [Theory]
    [InlineData(0, 1)]
    [InlineData(25, 1)]
    [InlineData(26, 2)]
    public void LastPage_OfRows_IsAtLeastOne(long rows, int page) => Assert.Equal(page, RepositoryFilter.LastPage(rows));
}
