using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using GeoDR.Lab;

namespace GeoDR.Tests.Secrets;

/// <summary>Looks for secrets in whatever leaves the program, in every form that they may take there.</summary>
public sealed class SecretSearch
{
    private readonly List<(string Name, string Value)> _secrets = [];
    private readonly List<string> _found = [];
    private readonly List<string> _places = [];
    private long _characters;

    public IReadOnlyList<string> Found => _found;

    public IReadOnlyList<string> Places => _places;

    public int Secrets => _secrets.Count;

    /// <summary>What was searched, for whoever doubts it.</summary>
    public string Summary => $"{_secrets.Count} secrets ({string.Join(", ", _secrets.Select(s => s.Name))}) in {_characters} characters of {_places.Count} places:\n  {string.Join("\n  ", _places)}";

    /// <summary>From now on this is looked for.</summary>
    /// <returns>The secret.</returns>
    public string Use(string name, string secret)
    {
        Assert.True(secret.Length >= 8, $"{name} is found everywhere");
        _secrets.Add((name, secret));
        return secret;
    }

    /// <summary>The last whole line of a private key: the first ones are alike in all.</summary>
    public void UseKey(string name, string file) => Use(name, File.ReadAllLines(file).Last(l => l.Length == 64));

    /// <summary>What a site leaves behind: its database's backup, its processes' logs and command lines.</summary>
    public async Task LookAtAsync(Site site, CancellationToken cancel)
    {
        Look($"{site.Name}'s dump", await site.Postgres.DumpAsync(Site.Database, cancel));
        foreach (var process in (ManagedProcess[])[.. site.Geo.Workers, site.Geo.Serve!])
        {
            Look($"the log of {process.Name}", await ReadAsync(process.LogFile, cancel));
            Look($"the command line of {process.Name}", await ReadAsync($"/proc/{process.Id}/cmdline", cancel));
        }
    }

    /// <summary>A file that somebody may be writing.</summary>
    public static async Task<string> ReadAsync(string file, CancellationToken cancel)
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(cancel);
    }

    public void Look(string place, string text)
    {
        _places.Add(place);
        _characters += text.Length;
        foreach (var (name, secret) in _secrets)
            foreach (var (form, written) in Forms(secret))
                if (text.IndexOf(written, form == "hex" ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal) is >= 0 and var at)
                    _found.Add($"{name}, {form}, in {place}: …{text[Math.Max(0, at - 80)..Math.Min(text.Length, at + 20)]}");
    }

    private static IEnumerable<(string Form, string Written)> Forms(string secret)
    {
        var bytes = Encoding.UTF8.GetBytes(secret);
        yield return ("plain", secret);
        yield return ("in a URL", Uri.EscapeDataString(secret));
        yield return ("in a form", WebUtility.UrlEncode(secret));
        yield return ("in HTML", HtmlEncoder.Default.Encode(secret));
        yield return ("in JSON", JsonEncodedText.Encode(secret).ToString());
        yield return ("hex", Convert.ToHexString(bytes));
        // It may begin at any of three places of a group, as in NAME:SECRET; what its neighbours have a part in is left out.
        for (var before = 0; before < 3; before++)
        {
            var base64 = Convert.ToBase64String([.. new byte[before], .. bytes]);
            var from = before == 0 ? 0 : before + 1;
            var written = base64[from..((before + bytes.Length) * 8 / 6)];
            yield return ("base64", written);
            yield return ("base64url", written.Replace('+', '-').Replace('/', '_'));
        }
    }
}

/// <summary>The search itself: one that finds nothing must be able to find something.</summary>
public sealed class SecretSearchTests
{
    private const string Secret = "pass+word/ä&<1>";

    public static TheoryData<string> Texts =>
    [
        $"Password={Secret};", $"?key={Uri.EscapeDataString(Secret)}&", $"key={WebUtility.UrlEncode(Secret)}", $"<td>{HtmlEncoder.Default.Encode(Secret)}</td>",
        JsonSerializer.Serialize(Secret), "\\x" + Convert.ToHexStringLower(Encoding.UTF8.GetBytes(Secret)), "Basic " + Base64($"u:{Secret}"), "Basic " + Base64($"us:{Secret}"),
        "Basic " + Base64($"use:{Secret}"), Base64(Secret), System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes($"{{\"a\":\"{Secret}\"}}")),
    ];

    [Theory]
    [MemberData(nameof(Texts))]
    public void Secret_InAnyForm_IsFound(string text)
    {
        var search = new SecretSearch();
        search.Use("a password", Secret);
        search.Look("nothing", "Password=another;" + Base64("user:another password"));
        Assert.Empty(search.Found);
        search.Look("here", "before " + text + " after");
        Assert.Contains("a password", search.Found[0], StringComparison.Ordinal);
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
