using GeoDR.Dashboard.Live;
using Microsoft.AspNetCore.Components;

namespace GeoDR.Dashboard.Pages;

/// <summary>The first page: the repositories of a secondary, or a primary's log and who reads it.</summary>
public sealed partial class Home : LiveComponent
{
    [SupplyParameterFromQuery] private string? State { get; set; }

    [SupplyParameterFromQuery] private string? Search { get; set; }

    [SupplyParameterFromQuery] private string? Verification { get; set; }

    [SupplyParameterFromQuery] private string? Cause { get; set; }

    [SupplyParameterFromQuery] private string? Paused { get; set; }

    [SupplyParameterFromQuery] private string? Sort { get; set; }

    [SupplyParameterFromQuery] private string? After { get; set; }

    [SupplyParameterFromQuery] private string? Before { get; set; }

    private RepositoryFilter Filter => RepositoryFilter.Read(State, Search, Verification, Cause, Paused, Sort, After, Before);
}
