using GeoDR.Registry;

namespace GeoDR.Core.Tests.Registry;

public sealed class NamesTests
{
    [Theory]
    [InlineData("a", true)]
    [InlineData("library/alpine", true)]
    [InlineData("a.b/c_d/e__f/g---h/0", true)]
    [InlineData("", false)]
    [InlineData(null, false)]
    [InlineData("../x", false)]
    [InlineData("a/../b", false)]
    [InlineData("A", false)]
    [InlineData("a//b", false)]
    [InlineData("/a", false)]
    [InlineData("a/", false)]
    [InlineData("a..b", false)]
    [InlineData("a___b", false)]
    [InlineData("a._b", false)]
    [InlineData("-a", false)]
    [InlineData("a-", false)]
    [InlineData("a\0", false)]
    [InlineData("ä", false)]
    public void IsRepository_ByTheGrammar(string? name, bool valid) => Assert.Equal(valid, OciNames.IsRepository(name));

    [Fact]
    public void IsRepository_TooLong_IsFalse()
    {
        Assert.True(OciNames.IsRepository(new string('a', 255)));
        Assert.False(OciNames.IsRepository(new string('a', 256)));
    }

    [Theory]
    [InlineData("v1", true)]
    [InlineData("_x.Y-9", true)]
    [InlineData(".x", false)]
    [InlineData("-x", false)]
    [InlineData("a b", false)]
    [InlineData("", false)]
    public void IsTag_ByTheGrammar(string tag, bool valid) => Assert.Equal(valid, OciNames.IsTag(tag));

    [Theory]
    [InlineData("sha256:c11aaad5428a9925bd0ff43e52cee265878e5617aaf38f8b71d2e0c84de48815", true)]
    [InlineData("sha256:C11AAAD5428a9925bd0ff43e52cee265878e5617aaf38f8b71d2e0c84de48815", false)]
    [InlineData("sha256:c11a", false)]
    [InlineData("md5:c11aaad5428a9925bd0ff43e52cee265", false)]
    [InlineData("c11aaad5428a9925bd0ff43e52cee265878e5617aaf38f8b71d2e0c84de48815", false)]
    public void Digest_TryParse_ByTheGrammar(string text, bool valid) => Assert.Equal(valid, Digest.TryParse(text, out _));
}
