namespace GeoDR.SyncState;

/// <summary>A state as addresses, the API and the command line write it.</summary>
public static class StateWord
{
    public static string Of<T>(T state) where T : struct, Enum => state.ToString().ToLowerInvariant();

    /// <summary>All of them, for people: "pending, started, synced or failed".</summary>
    public static string All<T>() where T : struct, Enum =>
        $"{string.Join(", ", Enum.GetValues<T>().SkipLast(1).Select(Of))} or {Of(Enum.GetValues<T>()[^1])}";

    /// <summary>Reads a state's word or number; null where nothing is written.</summary>
    /// <returns>False where something else is.</returns>
    public static bool TryParse<T>(string? word, out T? state) where T : struct, Enum
    {
        state = Enum.TryParse<T>(word, ignoreCase: true, out var found) && Enum.IsDefined(found) ? found : null;
        return string.IsNullOrEmpty(word) || state is not null;
    }
}
