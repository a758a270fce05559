namespace GeoDR.Lab;

/// <summary>What goes before the plug is pulled.</summary>
public enum PlugWay
{
    /// <summary>Nothing.</summary>
    AtOnce,
    /// <summary>The primary's database: the intake answers 503, and clients still hear 201.</summary>
    DatabaseFirst,
    /// <summary>The primary's GeoDR: nobody takes notifications, the log can still be read.</summary>
    IntakeFirst,
    /// <summary>The line to the primary's log.</summary>
    LogFirst,
}

/// <summary>One pulled plug; times in seconds.</summary>
/// <param name="Pushes">Taken by the registry in this round.</param>
/// <param name="Before">From the first part's end to the last's.</param>
/// <param name="Lost">Images that the primary held and the secondary did not, once nothing moved any more.</param>
/// <param name="Listed">Of those, in the list taken after that.</param>
/// <param name="InWindow">The others, pushed inside its window.</param>
/// <param name="Window">The window of the preview that was taken within a second.</param>
/// <param name="Slack">How far back before the plug that one reached.</param>
/// <param name="Noticed">From the plug until the secondary's workers had given up.</param>
public sealed record PlugRound(
    int Number, PlugWay Way, long Pushes, double Before, int Lost, int Listed, int InWindow, int Outside, int ListedButHere, double Window, double Slack, double Noticed)
{
    public string ToLine() => string.Create(System.Globalization.CultureInfo.InvariantCulture,
        $"{Number}\t{Way}\tpushes={Pushes}\tbefore={Before:0.0}\tlost={Lost}\tlisted={Listed}\tinwindow={InWindow}\toutside={Outside}\tlistedbuthere={ListedButHere}\twindow={Window:0.00}\tslack={Slack:0.00}\tnoticed={Noticed:0.00}");
}
