using System.Collections.Concurrent;
using System.Diagnostics;

namespace GeoDR.Lab;

/// <summary>
/// Starts every child from one thread that never ends. PR_SET_PDEATHSIG fires when the parent's <em>thread</em> dies, so a child
/// started on a thread of the pool would be killed whenever the pool retires that thread.
/// </summary>
internal static class ProcessLauncher
{
    private static readonly BlockingCollection<Action> s_work = [];

    static ProcessLauncher()
    {
        var thread = new Thread(() =>
        {
            foreach (var action in s_work.GetConsumingEnumerable())
            {
                action();
            }
        })
        { IsBackground = true, Name = "lab process launcher" };
        thread.Start();
    }

    public static Process Start(ProcessStartInfo info)
    {
        var started = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        s_work.Add(() =>
        {
            try
            {
                started.SetResult(Process.Start(info) ?? throw new LabException($"{info.FileName} did not start"));
            }
            catch (Exception e)
            {
                started.SetException(e);
            }
        });
        return started.Task.GetAwaiter().GetResult();
    }

    /// <summary>The environment of a child: the lab's own without what a shell or a test host set for itself, then what is asked for.</summary>
    public static void SetEnvironment(ProcessStartInfo info, IReadOnlyDictionary<string, string>? environment)
    {
        foreach (var name in info.Environment.Keys.Where(IsForeign).ToArray())
        {
            info.Environment.Remove(name);
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            info.Environment[name] = value;
        }
    }

    private static bool IsForeign(string name) =>
        name.StartsWith("Geo__", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("ASPNETCORE_", StringComparison.Ordinal)
        || name.StartsWith("MSBUILD", StringComparison.Ordinal)
        || name.StartsWith("PG", StringComparison.Ordinal);
}
