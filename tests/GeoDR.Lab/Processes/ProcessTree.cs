using System.Globalization;

namespace GeoDR.Lab;

/// <summary>Reads /proc: whose child a process is, and whether it still runs.</summary>
internal static class ProcessTree
{
    public static IReadOnlyList<int> ChildrenOf(int processId)
    {
        var children = new List<int>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                && Stat(id) is { } stat && stat.Parent == processId)
            {
                children.Add(id);
            }
        }

        return children;
    }

    /// <summary>A zombie does not count: it holds nothing any more.</summary>
    public static bool Runs(int processId) => Stat(processId) is { State: not ('Z' or 'X') };

    private static (char State, int Parent)? Stat(int processId)
    {
        try
        {
            // pid (name) state parent …; the name may hold spaces and parentheses, so read from the last one.
            var text = File.ReadAllText($"/proc/{processId}/stat");
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return (fields[0][0], int.Parse(fields[1], CultureInfo.InvariantCulture));
        }
        catch (IOException)
        {
            return null;
        }
    }
}
