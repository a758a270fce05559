using System.Globalization;
using GeoDR.Secrets;
using Npgsql;

namespace GeoDR.Configuration;

/// <summary>One value each: read, shown, and a fault with its mend where it is wrong.</summary>
public sealed partial class SettingsReader
{
    private List<string> List(string key)
    {
        _shown.Note(key);
        var section = configuration.GetSection(key);
        var items = section.GetChildren().Select(c => c.Value ?? "").ToList();
        if (section.Value is { } line)
            items.AddRange(line.Split(',', StringSplitOptions.TrimEntries));
        return [.. items.Where(i => i.Length > 0)];
    }

    private string Name(string key)
    {
        var name = Text(key) ?? "";
        if (!IsSiteName(name))
            Wrong(key, $"is '{name}'; give a name of 1 to 63 letters, digits, '-', '_' or '.'");
        return name;
    }

    private string? Text(string key) => Text(key, null);

    private string? Text(string key, string? otherwise)
    {
        _shown.Note(key, otherwise);
        return configuration[key] is { Length: > 0 } text ? text.Trim() : null;
    }

    /// <summary>A value given as it is, or in a file named by the same key with "File" behind it.</summary>
    /// <param name="fault">What is wrong with a value, in words without any of it; null where nothing is.</param>
    private Secret<string>? Secret(string key, Func<string, string?>? fault = null)
    {
        _shown.NoteSecret(key);
        var (value, file) = (Text(key), Text(key + "File"));
        if (value is not null && file is not null)
            Wrong(key, $"is given twice, also as {key}File; keep one");
        if (value is not null)
        {
            if (fault?.Invoke(value) is { } wrong)
                Wrong(key, wrong);
            return value;
        }
        return File(key + "File") is { } path ? Read(new Secret<string>(key + "File", [path], () => FirstLine(path))) : null;

        string FirstLine(string path)
        {
            var line = SecretText.Lines(path)[0];
            return fault?.Invoke(line) is { } wrong ? throw new FormatException(wrong) : line;
        }
    }

    /// <summary>Null where what the file holds cannot be used.</summary>
    private Secret<T>? Read<T>(Secret<T> secret)
        where T : class
    {
        try
        {
            _ = secret.Value;
            return Watched(secret);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            Wrong(secret.Key, e is FormatException ? e.Message : $"cannot be read: {e.Message}");
            return null;
        }
    }

    private Secret<T>? Watched<T>(Secret<T>? secret)
        where T : class
    {
        if (secret is not null)
            _files.Add(secret);
        return secret;
    }

    private string? File(string key)
    {
        var path = Text(key);
        if (path is not null && !System.IO.File.Exists(path))
            Wrong(key, $"names a file that is not there: {path}");
        return path;
    }

    private Uri? Url(string key, bool required)
    {
        var text = Text(key);
        if (text is null)
        {
            if (required)
                Wrong(key, "is missing; give a URL such as https://registry.example.com");
            return null;
        }
        if (Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.UserInfo.Length == 0 && url.Query.Length == 0)
            return url;
        Wrong(key, $"is no URL that can be used; write https://host[:port], credentials go into settings of their own");
        return null;
    }

    private bool Flag(string key)
    {
        var text = Text(key);
        _shown.Note(key, "false");
        if (text is null || bool.TryParse(text, out _))
            return text is not null && bool.Parse(text);
        Wrong(key, $"is '{text}'; write true or false");
        return false;
    }

    private int Number(string key, int otherwise, int least, int most)
    {
        var text = Text(key);
        _shown.Note(key, otherwise.ToString(CultureInfo.InvariantCulture));
        if (text is null)
            return otherwise;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most)
            return number;
        Wrong(key, $"is '{text}'; write a number from {least} to {most}");
        return otherwise;
    }

    private TimeSpan Time(string key, TimeSpan otherwise, TimeSpan least, TimeSpan most)
    {
        var text = Text(key);
        _shown.Note(key, Duration.Format(otherwise));
        if (text is null)
            return otherwise;
        if (Duration.TryParse(text, out var time) && time >= least && time <= most)
            return time;
        Wrong(key, $"is '{text}'; write a time such as 30s, 5m or 00:05:00, from {Duration.Format(least)} to {Duration.Format(most)}");
        return otherwise;
    }

    private static string? LogFault(string log) => PrimaryLogSettings.IsUrl(log) ? null : ConnectionFault(log);

    private static string? ConnectionFault(string value)
    {
        try
        {
            return string.IsNullOrEmpty(new NpgsqlConnectionStringBuilder(value).Host) ? "names no Host" : null;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or KeyNotFoundException)
        {
            // The text of such an error may hold a part of the value, and with it the password.
            return "is no Npgsql connection string; write Host=…;Port=…;Database=…;Username=…;Password=…";
        }
    }

    private void Wrong(string key, string mend) => _faults.Add(new(key, mend));
}
