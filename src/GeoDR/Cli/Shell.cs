namespace GeoDR.Cli;

/// <summary>Who gives a command.</summary>
internal static class Shell
{
    /// <summary>The user's name, for the audit log; the number of one that has no name, as there are in containers.</summary>
    public static string User { get; } = Name() is { Length: > 0 } name ? name : $"uid {Number()}";

    private static string? Name()
    {
        try
        {
            return Environment.UserName;
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // An image has no /etc/passwd, or none that can be read.
            return null;
        }
    }

    private static string Number() => File.ReadLines("/proc/self/status").First(l => l.StartsWith("Uid:", StringComparison.Ordinal)).Split('\t')[2];
}
