namespace GeoDR.Readiness;

/// <summary>
/// What two sites tell each other of their settings, so that a difference is named before it matters. Never a secret: of those only
/// whether, or how many, are set.
/// </summary>
public static class SettingsCompared
{
    /// <summary>A setting that is not given.</summary>
    public const string Unset = "not set";

    private const int Most = 100;
    private const int Longest = 200;

    /// <summary>"Geo:Tokens:Issuer is 'a' here and 'b' there", in the order of the keys.</summary>
    /// <param name="there">Another site's word: it may hold anything.</param>
    public static IReadOnlyList<string> Differences(IReadOnlyDictionary<string, string> here, IReadOnlyDictionary<string, string> there) =>
        [.. here.Where(s => there.TryGetValue(s.Key, out var other) && other != s.Value).OrderBy(s => s.Key, StringComparer.Ordinal)
            .Select(s => $"{s.Key} is {Quote(s.Value)} here and {Quote(there[s.Key])} there")];

    /// <summary>What another site said, cut to what can be kept and shown.</summary>
    public static IReadOnlyDictionary<string, string>? Take(IReadOnlyDictionary<string, string>? told) => told?
        .Where(s => s.Value is not null && s.Key.Length <= Longest && s.Key.All(c => char.IsAsciiLetterOrDigit(c) || c == ':')).Take(Most).ToDictionary(s => s.Key, s => Short(s.Value), StringComparer.Ordinal);

    private static string Quote(string value) => value == Unset ? value : $"'{Short(value)}'";

    private static string Short(string text) => new([.. text.Take(Longest).Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c)]);
}
