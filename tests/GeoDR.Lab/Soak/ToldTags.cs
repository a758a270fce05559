namespace GeoDR.Lab;

/// <summary>A tag that the registry shows otherwise than its notifications say.</summary>
/// <param name="Held">What it points at; null where it is not there.</param>
public sealed record Gap(string Repository, string Tag, string? Told, string? Held);

/// <summary>The tags of a registry as the notifications that got through tell them, followed apart from the program under test.</summary>
public static class ToldTags
{
    /// <summary>Tag by repository and name, its digest; events in their order.</summary>
    public static Dictionary<(string Repository, string Tag), string> Replay(IEnumerable<ToldEvent> events)
    {
        var tags = new Dictionary<(string Repository, string Tag), string>();
        foreach (var e in events)
        {
            switch (e)
            {
                case { Action: "push", Tag: { } tag, Digest: { } digest }:
                    tags[(e.Repository, tag)] = digest;
                    break;
                case { Action: "delete", Tag: { } tag }:
                    tags.Remove((e.Repository, tag));
                    break;
                case { Action: "delete", Digest: { } digest }:
                    foreach (var gone in tags.Where(t => t.Key.Repository == e.Repository && t.Value == digest).Select(t => t.Key).ToList())
                    {
                        tags.Remove(gone);
                    }

                    break;
            }
        }

        return tags;
    }

    /// <summary>What nobody told.</summary>
    public static IReadOnlyList<Gap> Gaps(IEnumerable<ToldEvent> told, RegistrySnapshot held)
    {
        var known = Replay(told);
        var there = held.Repositories.Values.SelectMany(r => r.Tags.Select(t => (Key: (r.Name, t.Key), t.Value))).ToDictionary(t => t.Key, t => t.Value);
        return
        [
            .. known.Keys.Union(there.Keys)
                .Select(k => new Gap(k.Item1, k.Item2, known.GetValueOrDefault(k), there.GetValueOrDefault(k)))
                .Where(g => g.Told != g.Held),
        ];
    }
}
