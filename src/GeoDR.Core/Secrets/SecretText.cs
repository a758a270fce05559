namespace GeoDR.Secrets;

/// <summary>Secrets that are text: a line each.</summary>
public static class SecretText
{
    /// <summary>The lines that are not empty.</summary>
    /// <exception cref="FormatException">There is none.</exception>
    /// <exception cref="IOException"/>
    /// <exception cref="UnauthorizedAccessException"/>
    public static string[] Lines(string file)
    {
        var lines = File.ReadAllLines(file).Select(l => l.Trim()).Where(l => l.Length > 0).ToArray();
        return lines.Length > 0 ? lines : throw new FormatException($"names an empty file: {file}");
    }
}
