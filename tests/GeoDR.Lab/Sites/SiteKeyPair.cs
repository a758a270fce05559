using System.Collections.Concurrent;

namespace GeoDR.Lab;

/// <summary>A site's own key: made once for a process and a name by <c>geodr key new</c>, then copied.</summary>
internal static class SiteKeyPair
{
    private static readonly Lazy<LabDirectory> s_directory = new(() =>
    {
        var directory = LabDirectory.Create("site-keys");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => directory.DisposeAsync().AsTask().GetAwaiter().GetResult();
        return directory;
    });

    private static readonly ConcurrentDictionary<string, Lazy<Task>> s_made = new();

    /// <returns>The files of the copy.</returns>
    public static async Task<(string Private, string Public)> CopyAsync(string name, string directory)
    {
        var (privateKey, publicKey) = In(s_directory.Value.Root, name);
        await s_made.GetOrAdd(name, _ => new(async () =>
            (await GeoProgram.RunAsync(["key", "new", "--private", privateKey, "--public", publicKey])).EnsureSuccess())).Value;
        var copy = In(directory, name);
        File.Copy(privateKey, copy.Private, overwrite: true);
        File.Copy(publicKey, copy.Public, overwrite: true);
        return copy;
    }

    private static (string Private, string Public) In(string directory, string name) =>
        (Path.Combine(directory, $"{name}.key"), Path.Combine(directory, $"{name}.pub"));
}
