using Microsoft.AspNetCore.Components;

namespace GeoDR.Dashboard.Access;

/// <summary>The form that signs in; rendered once, without a circuit.</summary>
public sealed partial class LoginPage : ComponentBase
{
    [Inject] private IConfiguration Configuration { get; set; } = null!;

    [Parameter] public string ReturnUrl { get; set; } = "/";

    [Parameter] public string? Name { get; set; }

    [Parameter] public string? Problem { get; set; }
}
