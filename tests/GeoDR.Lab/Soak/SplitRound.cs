using System.Globalization;

namespace GeoDR.Lab;

/// <summary>What happens while the network between sites that all live is cut.</summary>
public enum SplitKind
{
    /// <summary>One site promotes itself, the old primary goes on.</summary>
    One,

    /// <summary>Both secondaries promote themselves, in one epoch; with the old primary, three sites take pushes.</summary>
    Two,

    /// <summary>One site promotes itself, and the old primary is restarted inside the cut.</summary>
    Restart,
}

/// <summary>What one cut came to.</summary>
/// <param name="Silent">Packets vanished; else connections were refused.</param>
/// <param name="Apart">Who was on whose side.</param>
/// <param name="Pushes">Of each site's own clients, inside the cut and after it.</param>
/// <param name="Held">Seconds that a restarted primary kept closed; 0 where none was restarted.</param>
/// <param name="Fenced">Seconds from the healing until no site but the newest primary was a confirmed one.</param>
/// <param name="Conflict">Two promotions in one epoch were seen as that, by all three.</param>
/// <param name="Divergent">Tags that only the others had, each listed there and at the primary.</param>
/// <param name="Overwritten">Of them, another content was found under the tag before anybody decided.</param>
/// <param name="Lost">Of them, not at the primary once they were kept aside.</param>
public sealed record SplitRound(
    int Number, SplitKind Kind, bool Silent, string Apart, IReadOnlyDictionary<string, int> Pushes, double Held, double Fenced, bool Conflict, int Divergent, int Overwritten, int Lost,
    double Seconds)
{
    public string ToLine() => string.Create(CultureInfo.InvariantCulture,
        $"{Number}\t{Kind.ToString().ToLowerInvariant()}\t{(Silent ? "silent" : "refused")}\tapart={Apart}\tpushes={Pushes.Values.Sum()}\tby={string.Join(',', Pushes.Select(p => $"{p.Key}:{p.Value}"))}\theld={Held:0.0}\tfenced={Fenced:0.0}\tconflict={(Conflict ? 1 : 0)}\tdivergent={Divergent}\toverwritten={Overwritten}\tlost={Lost}\tseconds={Seconds:0.0}");
}
