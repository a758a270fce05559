using Npgsql;

namespace GeoDR.Readiness;

/// <summary>The last preflight that was asked for on a page of this process; every open page shows the same.</summary>
internal sealed partial class PreflightBoard(PreflightReader preflight, IHostApplicationLifetime lifetime, ILogger<PreflightBoard> logger)
{
    // A site or a registry that hangs must not keep the next check away.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private int _running;

    /// <summary>Null before the first.</summary>
    public PreflightReport? Latest { get; private set; }

    /// <summary>Why the last one came to no end.</summary>
    public string? Problem { get; private set; }

    public bool IsRunning => Volatile.Read(ref _running) != 0;

    /// <summary>Begins one; while one runs, that one serves everybody.</summary>
    public void Begin()
    {
        if (Interlocked.Exchange(ref _running, 1) == 0)
            _ = Task.Run(RunAsync);
    }

    private async Task RunAsync()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(lifetime.ApplicationStopping);
        limit.CancelAfter(s_patience);
        try
        {
            Latest = await preflight.ReadAsync(limit.Token) ?? Latest;
            Problem = null;
        }
        catch (OperationCanceledException)
        {
            Problem = $"The check was not done within {s_patience.TotalSeconds:0} s; something that it asks hangs.";
        }
        catch (Exception e)
        {
            Problem = e is NpgsqlException ? "The site's database does not answer." : "The check broke off; this site's log says why.";
            LogBroke(logger, e);
        }
        finally
        {
            Volatile.Write(ref _running, 0);
        }
    }

    [LoggerMessage(271, LogLevel.Warning, "A preflight that was asked for on a page broke off")]
    private static partial void LogBroke(ILogger logger, Exception exception);
}
