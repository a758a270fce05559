using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Configuration.Json;

namespace GeoDR.Configuration;

/// <summary>A setting as people may see it.</summary>
/// <param name="Value">What applies; "set" for a secret, null where nothing is set and nothing stands in for it.</param>
/// <param name="Source">"default", "environment", or the file that it stands in.</param>
public sealed record ShownSetting(string Key, string? Value, string Source, bool IsSecret)
{
    /// <summary>What it means.</summary>
    public string? Description => SettingDescriptions.Of(Key);
}

/// <summary>A setting's text; null where it is not given.</summary>
/// <param name="otherwise">What applies then, for people.</param>
internal delegate string? SettingText(string key, string? otherwise = null);

/// <summary>Notes every setting that is read, with what stands in where it is not given. A secret's value is never kept.</summary>
internal sealed class ShownSettings(IConfiguration configuration)
{
    private readonly SortedDictionary<string, (string? Otherwise, bool IsSecret)> _read = new(StringComparer.Ordinal);

    /// <param name="otherwise">What applies where it is not given.</param>
    public void Note(string key, string? otherwise = null) =>
        _read[key] = (otherwise ?? _read.GetValueOrDefault(key).Otherwise, _read.GetValueOrDefault(key).IsSecret);

    public void NoteSecret(string key) => _read[key] = (null, true);

    public IReadOnlyList<ShownSetting> List() => [.. _read.Select(r => Of(r.Key, r.Value.Otherwise, r.Value.IsSecret))];

    private ShownSetting Of(string key, string? otherwise, bool isSecret)
    {
        var section = configuration.GetSection(key);
        var items = section.GetChildren().Where(c => c.Value is { Length: > 0 }).ToList();
        var given = items.Count > 0 ? string.Join(", ", items.Select(i => i.Value)) : section.Value is { Length: > 0 } value ? value.Trim() : null;
        // What a command is given may be a secret; which program it is, is not.
        if (items.Count > 1 && key.EndsWith("Command", StringComparison.Ordinal))
            given = $"{items[0].Value} … ({items.Count - 1} more)";
        return given is null ? new(key, otherwise, "default", isSecret) : new(key, isSecret ? "set" : given, Source(items.Count > 0 ? items[0].Path : key), isSecret);
    }

    private string Source(string path) => (configuration as IConfigurationRoot)?.Providers.Reverse().FirstOrDefault(p => p.TryGet(path, out _)) switch
    {
        EnvironmentVariablesConfigurationProvider => "environment",
        JsonConfigurationProvider { Source: { Path: { } file } source } => source.FileProvider?.GetFileInfo(file).PhysicalPath ?? file,
        { } other => other.ToString() ?? "other",
        null => "other",
    };
}
