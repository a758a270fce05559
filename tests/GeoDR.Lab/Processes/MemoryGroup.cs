using System.Globalization;

namespace GeoDR.Lab;

/// <summary>A control group with a limit of memory (version 1 or 2, as the kernel has it mounted); only root can make one.</summary>
public sealed class MemoryGroup : IDisposable
{
    private const string Root = "/sys/fs/cgroup";

    private readonly string _directory;

    private MemoryGroup(string directory) => _directory = directory;

    public static MemoryGroup Create(string name, long limit)
    {
        var version1 = Directory.Exists(Path.Combine(Root, "memory"));
        var directory = Path.Combine(version1 ? Path.Combine(Root, "memory") : Root, name);
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, version1 ? "memory.limit_in_bytes" : "memory.max"), limit.ToString(CultureInfo.InvariantCulture));
        return new(directory);
    }

    /// <summary>The command, begun inside the group.</summary>
    public ProcessSpec Wrap(string file, IReadOnlyList<string> arguments) =>
        new("/bin/sh", ["-c", "echo $$ >\"$0\" && exec \"$@\"", Path.Combine(_directory, "cgroup.procs"), file, .. arguments]) { LogFile = "" };

    /// <summary>The most that a process held in memory so far, bytes (VmHWM of proc(5)).</summary>
    public static long PeakOf(int process) =>
        long.Parse(
            File.ReadLines($"/proc/{process}/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal)).Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1],
            CultureInfo.InvariantCulture) * 1024;

    /// <summary>When its processes have ended.</summary>
    public void Dispose() => Directory.Delete(_directory);
}
