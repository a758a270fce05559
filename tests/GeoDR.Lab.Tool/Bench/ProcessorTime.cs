using System.Diagnostics;

namespace GeoDR.Lab.Tool.Bench;

/// <summary>
/// The processor time of processes between two instants: what a piece of work costs, also on a machine whose other users make every
/// latency say more about them.
/// </summary>
internal sealed class ProcessorTime
{
    private readonly List<(Process Process, TimeSpan Before)> _watched = [];

    public ProcessorTime(IEnumerable<ManagedProcess> processes)
    {
        foreach (var process in processes)
        {
            var found = Process.GetProcessById(process.Id);
            _watched.Add((found, found.TotalProcessorTime));
        }
    }

    /// <summary>Of all of them together since this was made.</summary>
    public TimeSpan Spent()
    {
        var spent = TimeSpan.Zero;
        foreach (var (process, before) in _watched)
        {
            process.Refresh();
            spent += process.TotalProcessorTime - before;
        }

        return spent;
    }
}
