using GeoDR.Dashboard.Live;
using Microsoft.AspNetCore.Components;

namespace GeoDR.Dashboard.Pages;

/// <summary>The first page: the repositories of a secondary, or a primary's log and who reads it.</summary>
public sealed partial class Home : LiveComponent
{
    [SupplyParameterFromQuery] private string? State { get; set; }

    [SupplyParameterFromQuery] private string? Search { get; set; }

    // As text: a page number that is none must not be an error.
    [SupplyParameterFromQuery] private string? Page { get; set; }

    private RepositoryFilter Filter => RepositoryFilter.From(State, Search, int.TryParse(Page, out var page) ? page : null);
}
