using System.Globalization;

namespace GeoDR.Lab;

/// <summary>Which change of roles is under way.</summary>
public enum CrashChange
{
    Planned,
    Unplanned,

    /// <summary>Of a primary that was replaced, lived on, and comes back.</summary>
    Demote,
}

/// <summary>What is killed.</summary>
public enum CrashSide
{
    /// <summary>The command that carries it out.</summary>
    Command,

    /// <summary>The <c>serve</c> of the site whose role is changed by it.</summary>
    Serve,

    /// <summary>Both of them.</summary>
    Both,

    /// <summary>The other site's <c>serve</c>.</summary>
    Other,
}

/// <summary>One kill: what is killed, and during which step.</summary>
public sealed record CrashCase(CrashChange Change, string Step, CrashSide Side)
{
    private static readonly string[] s_planned = ["compare", "fence", "settle", "drain", "verify", "promote", "unfence", "announce", "prove"];

    /// <summary>Every step by everything that can be killed.</summary>
    public static IReadOnlyList<CrashCase> All { get; } =
    [
        .. Of(CrashChange.Planned, s_planned, Enum.GetValues<CrashSide>()),
        .. Of(CrashChange.Unplanned, s_planned[5..], Enum.GetValues<CrashSide>()),
        .. Of(CrashChange.Demote, ["command"], [CrashSide.Command, CrashSide.Both, CrashSide.Other]),
        .. Of(CrashChange.Demote, ["registry", "inventory", "copy", "offer", "take"], [CrashSide.Serve, CrashSide.Other]),
    ];

    public override string ToString() => $"{Change}/{Step}/{Side}".ToLowerInvariant();

    private static IEnumerable<CrashCase> Of(CrashChange change, string[] steps, CrashSide[] sides) =>
        steps.SelectMany(step => sides.Select(side => new CrashCase(change, step, side)));
}

/// <summary>What one kill came to.</summary>
/// <param name="At">Where the change stood when it was killed, as the database says.</param>
/// <param name="Outcome">In the words of the table.</param>
/// <param name="Pushes">Taken from clients in this round, by whoever was the primary.</param>
/// <param name="Listed">Of them, listed as divergent, because only the old primary had them.</param>
/// <param name="Lost">Neither at the new primary nor listed.</param>
/// <param name="LetIn">Seconds until the old primary took pushes again, where the promotion was undone.</param>
/// <param name="Seconds">From the kill to both sites being equal.</param>
public sealed record CrashRound(int Number, CrashCase Case, string From, string To, string At, string Outcome, int Pushes, int Listed, int Lost, double LetIn, double Seconds)
{
    public string ToLine() => string.Create(CultureInfo.InvariantCulture,
        $"{Number}\t{Case}\t{From}>{To}\tat={At}\toutcome={Outcome}\tpushes={Pushes}\tlisted={Listed}\tlost={Lost}\tletin={LetIn:0.00}\tseconds={Seconds:0.0}");
}
