using System.ComponentModel;
using System.Diagnostics;

namespace GeoDR.Failover;

/// <summary>Runs what the settings name to fence or unfence clients: an argument list, never a shell.</summary>
internal static class HookCommand
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    /// <summary>Null when it ended well, else why not, in words.</summary>
    public static async Task<string?> RunAsync(IReadOnlyList<string> command, CancellationToken cancel)
    {
        var start = new ProcessStartInfo(command[0]) { RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = true };
        foreach (var argument in command.Skip(1))
            start.ArgumentList.Add(argument);
        // It has no use for this program's settings, secrets among them.
        foreach (var own in start.Environment.Keys.Where(k => k.StartsWith("Geo__", StringComparison.OrdinalIgnoreCase) || k.StartsWith("Geo:", StringComparison.OrdinalIgnoreCase)).ToList())
            start.Environment.Remove(own);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(s_patience);
        try
        {
            using var process = Process.Start(start)!;
            process.StandardInput.Close();
            try
            {
                var said = process.StandardError.ReadToEndAsync(limit.Token);
                await Task.WhenAll(said, process.StandardOutput.ReadToEndAsync(limit.Token), process.WaitForExitAsync(limit.Token));
                return process.ExitCode == 0 ? null : $"{command[0]} ended with {process.ExitCode}: {(await said).Trim()}";
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                process.Kill(entireProcessTree: true);
                return $"{command[0]} did not end within {s_patience.TotalSeconds:0} s";
            }
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            return $"{command[0]} cannot be run: {e.Message}";
        }
    }
}
