using System.CommandLine;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json.Nodes;
using GeoDR.Api;
using GeoDR.Cli;
using GeoDR.Configuration;
using GeoDR.Jobs;
using GeoDR.Sites;
using GeoDR.Status;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.OpenApi;

namespace GeoDR.Tests.Documentation;

/// <summary>The files of docs/reference that are made of the code.</summary>
internal static class Reference
{
    public static IReadOnlyDictionary<string, Func<Task<string>>> Files { get; } = new Dictionary<string, Func<Task<string>>>
    {
        ["cli.md"] = () => Task.FromResult(CommandLine()),
        ["settings.md"] = () => Task.FromResult(Settings()),
        ["api.md"] = ApiAsync,
        ["metrics.md"] = () => Task.FromResult(Metrics()),
        ["events.md"] = () => Task.FromResult(LogEvents()),
        ["states.md"] = () => Task.FromResult(States()),
    };

    private static readonly ShownSetting[] s_settings = [.. ReadSettings()];

    /// <summary>Every setting that is read, by its general key.</summary>
    public static IReadOnlyList<ShownSetting> AllSettings => s_settings;

    /// <summary>Every log message with its id.</summary>
    public static IReadOnlyList<(LoggerMessageAttribute Message, string Where)> LogMessages() =>
    [
        .. from assembly in new[] { typeof(Verbs).Assembly, typeof(StatusReader).Assembly }
           from type in assembly.GetTypes()
           from method in type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
           let message = method.GetCustomAttribute<LoggerMessageAttribute>()
           where message is not null
           orderby message.EventId
           select (message, type.Name),
    ];

    /// <summary>A site's own description of its calls.</summary>
    public static async Task<JsonNode> DescriptionAsync()
    {
        var settings = new GeoSettings
        {
            SiteName = "madrid", Role = Site.Secondary, Database = "Host=db.example", PrimaryLog = "Host=db.example", Secrets = new(["secret"]),
            Registry = new() { Url = new("https://registry.madrid.example") }, PrimaryRegistry = new() { Url = new("https://registry.berlin.example") },
        };
        await using var app = ServeVerb.Compose(settings, new Site(settings.SiteName, settings.Role, false), new BuiltinEngine(), again: false);
        app.MapCalls();
        // What a start would do with the calls.
        app.UseRouting();
        app.UseEndpoints(_ => { });
        var document = await app.Services.GetRequiredKeyedService<IOpenApiDocumentProvider>("v1").GetOpenApiDocumentAsync(CancellationToken.None);
        return JsonNode.Parse(await document.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1))!;
    }

    public static IEnumerable<(string Method, string Path, JsonNode Operation)> Calls(JsonNode description) =>
        description["paths"]!.AsObject().SelectMany(p => p.Value!.AsObject().Select(o => (o.Key.ToUpperInvariant(), p.Key, o.Value!)));

    private static StringBuilder Page(string title) =>
        new StringBuilder($"<!-- Written by ./scripts/reference from the code: change it there. -->\n# {title}\n\n");

    private static string CommandLine()
    {
        var page = Page("Command line").Append("""
            Settings come from the environment or `appsettings.json`, as for `geodr serve` ([settings](settings.md)). `--json` puts nothing but JSON on the standard output; `--help` says what this page says.
            Verbs marked (primary) or (secondary) work there alone.

            | exit code | meaning |
            |---|---|

            """.ReplaceLineEndings("\n"));
        foreach (var code in Source.ValuesOf("src/GeoDR/Cli/ExitCodes.cs", nameof(ExitCodes)))
            page.Append(CultureInfo.InvariantCulture, $"| {code.Value} | {Cell(code.Summary)} |\n");
        foreach (var verb in Verbs.Root().Subcommands.Where(c => !c.Hidden).OrderBy(c => c.Name, StringComparer.Ordinal))
            Verb(page, "##", "geodr", verb);
        return page.ToString();
    }

    private static void Verb(StringBuilder page, string heading, string before, Command verb)
    {
        var path = $"{before} {verb.Name}";
        page.Append(CultureInfo.InvariantCulture, $"\n{heading} `{path}`\n\n{Sentence(verb.Description)}\n");
        var (arguments, options) = (verb.Arguments.Where(a => !a.Hidden).ToList(), verb.Options.Where(o => !o.Hidden && o.Name is not ("--help" or "--version")).ToList());
        if (verb.Action is not null)
        {
            // What must be given first.
            var usage = options.OrderByDescending(o => o.Required).Select(o => o.Required ? Form(o) : $"[{Form(o)}]")
                .Prepend(string.Join(' ', arguments.Select(a => a.Arity.MinimumNumberOfValues == 0 ? $"[{Upper(a.Name)}]" : Upper(a.Name))));
            page.Append(CultureInfo.InvariantCulture, $"\n    {string.Join(' ', usage.Prepend(path).Where(p => p.Length > 0))}\n");
        }
        var rows = arguments.Where(a => a.Description is not null).Select(a => (Name: Upper(a.Name), Text: a.Description!))
            .Concat(options.Select(o => (Name: Form(o), Text: o.Description + (o.HasDefaultValue && o.GetDefaultValue() is { } value and not false ? $" (default {value})" : "")))).ToList();
        if (rows.Count > 0)
            page.Append("\n| | |\n|---|---|\n");
        foreach (var (name, text) in rows)
            page.Append(CultureInfo.InvariantCulture, $"| `{Cell(name)}` | {Cell(text)} |\n");
        foreach (var below in verb.Subcommands.Where(c => !c.Hidden))
            Verb(page, "###", path, below);
    }

    private static string Form(Option option) => option.ValueType == typeof(bool) ? option.Name : $"{option.Name} {option.HelpName ?? Upper(option.Name.TrimStart('-'))}";

    private static string Upper(string name) => name.ToUpperInvariant();

    private static string Settings()
    {
        var page = Page("Settings").Append("""
            Environment variables (`Geo__Site__Name`) or `appsettings.json`, beside the program or in the working directory. Times are written `500ms`, `30s`, `5m`, `2h`, `7d` or `00:05:00`; a list is separated by commas, or numbered
            (`Geo__Filter__Include__0`). A secret may be given in a file by the same key with `File` behind it (`Geo__DatabaseFile`). A wrong or unknown setting stops the start with every fault listed, each with its mend.
            `geodr settings` and the dashboard's page *Settings* show what a site reads and where from. [Proxies](../how-to/bandwidth.md#through-a-proxy) are named by the environment.

            """.ReplaceLineEndings("\n"));
        foreach (var section in s_settings.Select(s => (Section: SectionOf(s.Key), Setting: s)).GroupBy(s => s.Section).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            page.Append(CultureInfo.InvariantCulture, $"\n## `{section.Key}`\n\n");
            if (SettingDescriptions.ByKey.GetValueOrDefault(section.Key) is { } about && section.First().Setting.Key != section.Key)
                page.Append(about).Append(SettingDescriptions.Registries.Contains(section.Key) ? " The keys of [`Geo:Registry`](#georegistry), each with the same meaning.\n" : "\n\n");
            if (SettingDescriptions.Registries.Contains(section.Key))
                continue;
            page.Append("| key | default | meaning |\n|---|---|---|\n");
            foreach (var (_, s) in section)
                page.Append(CultureInfo.InvariantCulture, $"| `{s.Key}` | {(s.Value is null ? "" : $"`{s.Value}`")} | {Cell(s.Description ?? "–")}{(s.IsSecret ? " Secret." : "")} |\n");
        }
        return page.ToString();
    }

    private static string SectionOf(string key) =>
        SettingDescriptions.Registries.FirstOrDefault(r => key.StartsWith(r + ":", StringComparison.Ordinal)) ?? string.Join(':', key.Split(':')[..2]);

    /// <summary>Reads a tree that has every section and gives next to nothing, so that each default stands.</summary>
    private static IEnumerable<ShownSetting> ReadSettings()
    {
        var given = new Dictionary<string, string?>();
        foreach (var (section, keys) in UnknownKeys.Known)
            Add(section, keys);
        Add("Geo:Peers:NAME", UnknownKeys.Peer);
        Add("Geo:Peers:NAME:Registry", UnknownKeys.PrimaryRegistry);
        Add("Geo:Targets:Rules:N", AlertSettingsReader.Rule);
        // Without these the rest of their section is not read.
        foreach (var url in SettingDescriptions.Registries.Append("Geo:Registry").Append("Geo:Alerts:Webhook"))
            given[$"{url}:Url"] = "https://one.example";
        given["Geo:Targets:Rules:N:Pattern"] = "**";
        var shown = new SettingsReader(new ConfigurationBuilder().AddInMemoryCollection(given).Build()).Read().Shown;
        return shown.Where(s => !s.Key.EndsWith("File", StringComparison.Ordinal) || !shown.Any(o => o.IsSecret && o.Key + "File" == s.Key))
            .Select(s => s.Source == "default" ? s : s with { Value = null });

        void Add(string section, IEnumerable<string> keys)
        {
            foreach (var key in keys)
                given[$"{section}:{key}"] = "";
        }
    }

    private static async Task<string> ApiAsync()
    {
        var page = Page("API").Append("""
            `GET /openapi/v1.json` (for whoever may look) describes the same for programs. An API token (`geodr apitoken new NAME --role ROLE`) goes into `Authorization: Bearer …`; a page of the dashboard uses its session, and its writes carry the anti-forgery token in `RequestVerificationToken`.
            Roles include the ones below them: viewer, operator, admin. Errors are problem details (RFC 9457). Lists are pages: `limit` is 1 to 1,000, and what `next` (or `before`) answers is given back to go on. Writes go into the audit log
            with the name of the person or of the token. `POST …/promote`, `demote`, `term` and `sites/remove` want this site's own name in `name`, so that nobody changes the wrong one by a slip. `GET /metrics` is Prometheus' text ([metrics](metrics.md)).

            """.ReplaceLineEndings("\n"));
        var description = await DescriptionAsync();
        var calls = Calls(description).OrderBy(c => c.Path, StringComparer.Ordinal).ThenBy(c => c.Method, StringComparer.Ordinal);
        foreach (var group in calls.GroupBy(c => GroupOf(c.Path, c.Operation)).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            page.Append(CultureInfo.InvariantCulture, $"\n## {group.Key}\n\n| call | role | does |\n|---|---|---|\n");
            foreach (var (method, path, operation) in group)
                page.Append(CultureInfo.InvariantCulture, $"| `{method} {path}{Query(operation)}`{Body(operation, description)} | {(string?)operation[CallDescriptions.Role]} | {Cell(Does(operation))} |\n");
        }
        return page.ToString();
    }

    private static string GroupOf(string path, JsonNode operation) =>
        operation[CallDescriptions.Role] is null
            ? path.StartsWith("/healthz", StringComparison.Ordinal) ? "Probes, which anybody may ask"
                : path.Contains("notifications", StringComparison.Ordinal) || path.Contains("registry_event", StringComparison.Ordinal) ? "Notifications, with one of the notification secrets"
                : "Sites, each call signed by the calling site's key"
            : "People and their programs";

    private static string Query(JsonNode operation)
    {
        var names = (operation["parameters"]?.AsArray() ?? []).Where(p => (string?)p!["in"] == "query").Select(p => $"{p!["name"]}=");
        return string.Join('&', names) is { Length: > 0 } query ? "?" + query : "";
    }

    private static string Body(JsonNode operation, JsonNode description) =>
        operation["requestBody"]?["content"]?["application/json"]?["schema"]?["$ref"] is { } schema && description["components"]?["schemas"]?[((string)schema!).Split('/')[^1]]?["properties"] is JsonObject fields
            ? $" `{{{string.Join(", ", fields.Select(f => f.Key))}}}`" : "";

    private static string Does(JsonNode operation) => (string?)operation["description"] is { } more ? $"{operation["summary"]}. {more}" : (string?)operation["summary"] ?? "–";

    private static string Metrics()
    {
        var page = Page("Metrics").Append("""
            `GET /metrics` with an API token, or at `Geo:Metrics:Listen` without one; [how to watch a site](../how-to/monitoring.md). A family is left out while its value is not known. No label names a repository. What a process counts (`…_total`)
            begins at zero with its start and is its own; everything else is the site's, whichever node is asked.

            | metric | type | labels | meaning |
            |---|---|---|---|

            """.ReplaceLineEndings("\n"));
        foreach (var (name, type, help, labels) in Source.Metrics())
            page.Append(CultureInfo.InvariantCulture, $"| `{name}` | {type} | {labels} | {Cell(help)} |\n");
        return page.ToString();
    }

    private static string LogEvents()
    {
        var page = Page("Log events").Append("""
            A site logs JSON to its standard output, a line each, with `EventId`, `LogLevel`, `Message` and the values in `State`. Ids stay what they are; texts may change. What is not here comes from the libraries, from warnings upwards.

            | id | level | text |
            |---|---|---|

            """.ReplaceLineEndings("\n"));
        foreach (var (message, _) in LogMessages())
            page.Append(CultureInfo.InvariantCulture, $"| {message.EventId} | {message.Level} | {Cell(message.Message)} |\n");
        return page.ToString();
    }

    private static string States()
    {
        var page = Page("States and kinds").Append("The words that the dashboard, the API, the command line and the database share. Numbers are those of the API.\n");
        Values("Repositories", "`state`, at a secondary. [What synced means](../explanation/what-synced-means.md).", "src/GeoDR.Core/SyncState/RepositoryState.cs", "RepositoryState");
        Values("Failures", "How a failure is treated. `geodr failures` groups by cause.", "src/GeoDR.Core/SyncState/RepositoryState.cs", "FailureKind");
        page.Append("\n| cause | what mends it |\n|---|---|\n");
        foreach (var (cause, mend) in FailureGroups.ByCause)
            page.Append(CultureInfo.InvariantCulture, $"| {cause} | {Cell(mend)} |\n");
        Values("Verification", "How far the check of a repository is. [Verification](../explanation/verification.md).", "src/GeoDR.Core/SyncState/VerificationState.cs", "VerificationState");
        Values("Damage", "What a check finds.", "src/GeoDR.Core/Verification/CheckScope.cs", "DamageKind");
        Values("Deletions", "[How deletions reach the secondary](../explanation/deletion.md).", "src/GeoDR.Core/Deletion/DeletionRow.cs", "DeletionStates");
        Values("Why a deletion is held", "", "src/GeoDR.Core/Deletion/DeletionRow.cs", "Holds");
        Values("Runs of schedules", "[Schedules](../explanation/schedules.md).", "src/GeoDR.Core/Schedules/ScheduleRun.cs", "RunStatus");
        Values("Alerts", "[Be told when something is wrong](../how-to/alerts.md).", "src/GeoDR.Core/Alerts/Condition.cs", "AlertKinds");
        return page.ToString();

        void Values(string title, string about, string file, string type)
        {
            page.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\n{(about.Length > 0 ? about + "\n\n" : "")}| | |\n|---|---|\n");
            foreach (var value in Source.ValuesOf(file, type))
                page.Append(CultureInfo.InvariantCulture, $"| {(int.TryParse(value.Value, out var number) ? $"{value.Name.ToLowerInvariant()} ({number})" : value.Value.Length > 0 ? value.Value : Spaced(value.Name))} | {Cell(value.Summary)} |\n");
        }
    }

    // "WrongTag" is shown as "wrong tag".
    private static string Spaced(string name) => string.Concat(name.Select((c, i) => i > 0 && char.IsUpper(c) ? $" {char.ToLowerInvariant(c)}" : $"{char.ToLowerInvariant(c)}"));

    private static string Sentence(string? text) => text is { Length: > 0 } ? $"{(text[0] == '(' ? text : char.ToUpperInvariant(text[0]) + text[1..])}." : "";

    // Outside of code a bar would end the cell, and an angle bracket begin a tag.
    private static string Cell(string? text) => (text ?? "").Replace("|", "\\|", StringComparison.Ordinal).ReplaceLineEndings(" ");
}
