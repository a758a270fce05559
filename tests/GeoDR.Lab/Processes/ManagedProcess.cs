using System.Diagnostics;
using System.Text;

namespace GeoDR.Lab;

/// <summary>A child of the lab that can be stopped, killed and frozen, and that dies with the lab.</summary>
public sealed class ManagedProcess : IAsyncDisposable
{
    private static readonly TimeSpan s_stop = TimeSpan.FromSeconds(15);

    private readonly Process _process;

    private ManagedProcess(Process process, ProcessSpec spec)
    {
        _process = process;
        LogFile = spec.LogFile;
        Name = spec.Name ?? Path.GetFileName(spec.File);
    }

    public string Name { get; }

    public int Id => _process.Id;

    public string LogFile { get; }

    public bool HasExited => _process.HasExited;

    /// <summary>128 and the signal's number when a signal ended it.</summary>
    public int ExitCode => _process.ExitCode;

    public static ManagedProcess Start(ProcessSpec spec)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(spec.LogFile))!);
        var info = new ProcessStartInfo("/bin/sh") { WorkingDirectory = spec.WorkingDirectory ?? "" };
        foreach (var argument in (string[])["-c", "exec \"$@\" </dev/null >>\"$0\" 2>&1", spec.LogFile, .. spec.CommandLine()])
        {
            info.ArgumentList.Add(argument);
        }

        ProcessLauncher.SetEnvironment(info, spec.Environment);
        return new ManagedProcess(ProcessLauncher.Start(info), spec);
    }

    /// <summary>Runs a command to its end. It dies with the lab, or when the token is cancelled.</summary>
    public static async Task<CommandResult> RunAsync(
        string file,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string>? environment = null,
        string? stdin = null,
        string? user = null,
        string? workingDirectory = null,
        CancellationToken cancellationToken = default)
    {
        string[] line = ["--pdeathsig", "KILL", .. ProcessSpec.AsUser(user), "--", file, .. arguments];
        var info = new ProcessStartInfo("setpriv", line)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingDirectory ?? "",
        };
        ProcessLauncher.SetEnvironment(info, environment);
        using var process = ProcessLauncher.Start(info);
        await using var kill = cancellationToken.Register(() => process.Kill(entireProcessTree: true));
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        await WriteInputAsync(process, stdin);
        await process.WaitForExitAsync(CancellationToken.None);
        cancellationToken.ThrowIfCancellationRequested();
        return new CommandResult(Path.GetFileName(file) + " " + string.Join(' ', line.SkipWhile(a => a != "--").Skip(2)), process.ExitCode, await output, await error);
    }

    /// <summary>The last lines of the log, for messages.</summary>
    public string LogTail(int lines = 200)
    {
        if (!File.Exists(LogFile))
        {
            return "";
        }

        using var stream = new FileStream(LogFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        stream.Seek(-Math.Min(stream.Length, 128 * 1024), SeekOrigin.End);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var all = reader.ReadToEnd().Split('\n');
        return string.Join('\n', all.TakeLast(lines + 1));
    }

    public void Send(Signal signal)
    {
        if (!_process.HasExited)
        {
            Signals.Send(_process.Id, signal);
        }
    }

    /// <summary>Freezes it as a hung machine would look to its peers: sockets stay open, nothing answers.</summary>
    public void Pause() => Send(Signal.Stop);

    public void Resume() => Send(Signal.Continue);

    /// <summary>SIGKILL, and waits until the kernel has reaped it, so that its ports are free again.</summary>
    public void Kill()
    {
        Send(Signal.Kill);
        _process.WaitForExit();
    }

    /// <summary>Asks it to end; SIGKILL when the deadline passes. True when it ended by itself.</summary>
    public async Task<bool> StopAsync(TimeSpan? deadline = null, Signal signal = Signal.Terminate)
    {
        Send(signal);
        Send(Signal.Continue);
        using var limit = new CancellationTokenSource(deadline ?? s_stop);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            Kill();
            return false;
        }
    }

    public Task WaitForExitAsync(CancellationToken cancellationToken = default) => _process.WaitForExitAsync(cancellationToken);

    /// <summary>Waits until the condition holds; an exit or a passed deadline throws with the log's tail.</summary>
    public Task WaitUntilAsync(Func<CancellationToken, Task<bool>> ready, TimeSpan deadline, string what, CancellationToken cancellationToken = default) =>
        Wait.UntilAsync(
            async token => HasExited
                ? throw new LabException($"{Name} exited with {ExitCode} before: {what}\n{LogTail()}")
                : await ready(token),
            deadline,
            () => $"{Name}, no: {what}\n{LogTail()}",
            cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _process.Dispose();
    }

    private static async Task WriteInputAsync(Process process, string? stdin)
    {
        try
        {
            await process.StandardInput.WriteAsync(stdin ?? "");
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The command ended without reading its input; its exit code tells the story.
        }
    }
}
