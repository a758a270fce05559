using GeoDR.Selection;

namespace GeoDR.Core.Tests.Selection;

public sealed class SelectionTests
{
    [Theory]
    [InlineData("app", "app", true)]
    [InlineData("app", "app/one", false)]
    [InlineData("app", "my-app", false)]
    [InlineData("app/*", "app/one", true)]
    [InlineData("app/*", "app/one/two", false)]
    [InlineData("app/**", "app/one/two", true)]
    [InlineData("app/**", "app", false)]
    [InlineData("**", "a/b/c", true)]
    [InlineData("*-rc?", "v1-rc1", true)]
    [InlineData("*-rc?", "v1-rc12", false)]
    [InlineData("v1.0", "v1x0", false)]
    public void Pattern_Matches_WholeNames(string pattern, string name, bool matches)
    {
        Assert.True(Pattern.TryParse(pattern, out var parsed));
        Assert.Equal(matches, parsed.Matches(name));
    }

    [Theory]
    [InlineData("")]
    [InlineData("app/[a-z]")]
    [InlineData("^app")]
    [InlineData("app one")]
    [InlineData("app\n")]
    public void Pattern_OfOtherCharacters_IsRefused(string pattern) => Assert.False(Pattern.TryParse(pattern, out _));

    [Fact]
    public void Pattern_TooLong_IsRefused() => Assert.False(Pattern.TryParse(new string('a', 256), out _));

    [Fact]
    public void Pattern_MadeToBacktrack_CostsNoMoreThanTheName()
    {
        Assert.True(Pattern.TryParse(string.Concat(Enumerable.Repeat("**a", 80)), out var pattern));
        Assert.False(pattern.Matches(new string('a', 250) + "b"));
    }

    [Fact]
    public void Selection_IncludesThenExcludes()
    {
        var selection = new SiteSelection(Of(["app/**"], ["app/tmp/**"]), Of(["v*"], ["*-rc"]));
        Assert.True(selection.TakesRepository("app/one"));
        Assert.False(selection.TakesRepository("app/tmp/one"));
        Assert.False(selection.TakesRepository("other"));
        Assert.True(selection.TakesReference("v1"));
        Assert.False(selection.TakesReference("v1-rc"));
        Assert.False(selection.TakesReference("latest"));
    }

    [Fact]
    public void Selection_OfTags_LeavesDigestsAndWhatBelongsToThem()
    {
        var hex = new string('a', 64);
        var selection = new SiteSelection(NameSelection.All, Of(["v*"], []));
        Assert.True(selection.TakesReference($"sha256:{hex}"));
        Assert.True(selection.TakesReference($"sha256-{hex}.sig"));
        Assert.False(new SiteSelection(NameSelection.All, Of([], ["sha256-*.sig"])).TakesReference($"sha256-{hex}.sig"));
        Assert.True(SiteSelection.All.TakesReference("anything"));
    }

    [Fact]
    public void Selection_OfModes_TellsEventsFromTheCatalog()
    {
        var selection = SiteSelection.All with { EventOnly = [Parse("live/**")], ReconcileOnly = [Parse("slow/**")] };
        Assert.Equal((true, false), (selection.TakesEventsOf("live/a"), selection.TakesFromCatalog("live/a")));
        Assert.Equal((false, true), (selection.TakesEventsOf("slow/a"), selection.TakesFromCatalog("slow/a")));
        Assert.Equal((true, true), (selection.TakesEventsOf("both"), selection.TakesFromCatalog("both")));
        Assert.NotEqual(SiteSelection.All.Fingerprint, selection.Fingerprint);
    }

    [Fact]
    public void Map_ExchangesTheFirstPrefixThatFits()
    {
        var map = new NameMap([("team/", "berlin/team/"), ("", "rest/")]);
        Assert.Equal("berlin/team/a/b", map.At("team/a/b"));
        Assert.Equal("rest/other", map.At("other"));
        Assert.False(map.IsTaken("rest/other"));
        Assert.True(new NameMap([("team/", "berlin/")]).IsTaken("berlin/x"));
        Assert.False(new NameMap([("team/", "berlin/")]).IsTaken("teams/x"));
        Assert.Equal("x", NameMap.None.At("x"));
    }

    [Theory]
    [InlineData("linux/amd64", true)]
    [InlineData("linux/arm/v7", true)]
    [InlineData("linux/arm/v6", false)]
    [InlineData("linux/arm", false)]
    [InlineData("windows/amd64", false)]
    [InlineData("unknown/unknown", true)]
    [InlineData("nonsense", true)]
    [InlineData(null, true)]
    public void Selection_OfPlatforms_KeepsWhatHasNone(string? platform, bool taken)
    {
        var selection = SiteSelection.All with { Platforms = [new("linux", "amd64", null), new("linux", "arm", "v7")] };
        Assert.Equal(taken, selection.TakesPlatform(platform));
        Assert.True(SiteSelection.All.TakesPlatform(platform));
    }

    private static NameSelection Of(string[] include, string[] exclude) => new([.. include.Select(Parse)], [.. exclude.Select(Parse)]);

    private static Pattern Parse(string text) => Pattern.TryParse(text, out var pattern) ? pattern : throw new FormatException(text);
}
