using GeoDR.Dashboard.Access;

namespace GeoDR.Tests.Dashboard;

public sealed class LoginUrlTests
{
    [Theory]
    [InlineData("/?state=failed&search=a%2Fb", "/?state=failed&search=a%2Fb")]
    [InlineData(null, "/")]
    [InlineData("", "/")]
    [InlineData("//evil.example", "/")]
    [InlineData("/\\evil.example", "/")]
    [InlineData("/\t/evil.example", "/")]
    [InlineData("https://evil.example", "/")]
    [InlineData("javascript:alert(1)", "/")]
    [InlineData("/login?returnUrl=/x", "/")]
    public void Local_OfAnyAddress_StaysAtThisSite(string? asked, string used) => Assert.Equal(used, LoginEndpoints.Local(asked));
}
