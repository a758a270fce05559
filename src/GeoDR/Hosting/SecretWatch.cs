using GeoDR.Configuration;

namespace GeoDR.Hosting;

/// <summary>Looks at the files of secrets, so that what is wrong with one is said before it is needed.</summary>
internal sealed partial class SecretWatch(GeoSettings settings, ILogger<SecretWatch> logger, TimeProvider time)
    : IntervalLoop(TimeSpan.FromSeconds(2), logger, time)
{
    private readonly Dictionary<string, (int Changes, string? Fault)> _said = settings.SecretFiles.ToDictionary(f => f.Key, f => (f.Changes, (string?)null));

    protected override string Name => "the watch over secrets";

    protected override Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        foreach (var file in settings.SecretFiles)
        {
            file.Look();
            var (now, said) = ((file.Changes, file.Fault), _said[file.Key]);
            _said[file.Key] = now;
            if (now.Changes != said.Changes)
                LogTaken(logger, file.Key);
            if (now.Fault is { } fault && fault != said.Fault)
                LogRefused(logger, file.Key, fault);
        }
        return Task.FromResult(false);
    }

    [LoggerMessage(290, LogLevel.Information, "What the file of {Setting} holds now counts")]
    private static partial void LogTaken(ILogger logger, string setting);

    [LoggerMessage(291, LogLevel.Warning, "The file of {Setting} cannot be used, and what it held before counts until the next start: {Reason}")]
    private static partial void LogRefused(ILogger logger, string setting, string reason);
}
