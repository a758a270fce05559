using System.CommandLine;
using System.Security.Cryptography;
using GeoDR.Audit;
using GeoDR.Configuration;
using GeoDR.Failover;
using GeoDR.Postgres;
using GeoDR.Sites;
using GeoDR.Tokens;
using Npgsql;

namespace GeoDR.Cli;

/// <summary>Sites join by one invitation made at the primary and one command at the new site.</summary>
internal static class InvitationVerbs
{
    private const string KeyFile = "Geo:Site:KeyFile";

    public static Command Invite()
    {
        var name = new Option<string>("--name") { Description = "the new site's Geo:Site:Name", Required = true };
        var promote = new Option<bool>("--may-promote") { Description = "it may become the primary" };
        var database = new Option<bool>("--database") { Description = "the SQL too that lets it read this site's log from PostgreSQL" };
        var command = new Command("invite", "(primary) print one line that lets one site join, once, within 15 minutes; keep it as a secret") { name, promote, database };
        command.SetAction((p, cancel) => VerbSettings.WithDatabaseAsync(source => InviteAsync(source, p.GetValue(name)!, p.GetValue(promote), p.GetValue(database), cancel)));
        return command;
    }

    public static Command Join()
    {
        var line = new Argument<string>("invitation") { Description = "the line that `geodr site invite` printed; - reads it from the standard input" };
        var command = new Command("join", "(new site) join the sites by an invitation; makes this site's key where Geo:Site:KeyFile names none yet") { line };
        command.SetAction(async (p, cancel) => await JoinAsync(p.GetValue(line) is "-" or null ? await Console.In.ReadLineAsync(cancel) ?? "" : p.GetValue(line)!, cancel));
        return command;
    }

    private static async Task<int> InviteAsync(NpgsqlDataSource source, string name, bool mayPromote, bool database, CancellationToken cancel)
    {
        if (VerbSettings.Read() is not { } settings)
            return ExitCodes.Settings;
        var start = new InvitationStart(settings, source);
        if (start.NameFault(name) is { } fault)
            return await SayAsync(fault, ExitCodes.Usage);
        if (!VerbSettings.Report(start.Faults(name)))
            return ExitCodes.Settings;
        var made = await start.MakeAsync(name, mayPromote, Shell.User, cancel);
        Console.WriteLine(made.Line);
        await Console.Error.WriteLineAsync(made.Words);
        if (database)
            await ReaderAsync(source, name, cancel);
        return ExitCodes.Success;
    }

    // Not run: GeoDR needs no right to create roles.
    private static async Task ReaderAsync(NpgsqlDataSource source, string name, CancellationToken cancel)
    {
        var login = $"geodr_{name}";
        var password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        if (await Migrator.GrantReaderAsync(source, cancel) is { } missing)
            Console.WriteLine(missing);
        Console.WriteLine($"create role \"{login[..Math.Min(login.Length, 63)]}\" login password '{password}' in role geo_log_reader;");
        await Console.Error.WriteLineAsync($"Run this in the database of Geo:Database, as a role that may create roles, and give {name} Geo:Primary:Log with that name and password.");
    }

    private static async Task<int> JoinAsync(string line, CancellationToken cancel)
    {
        if (!Invitation.TryParse(line, out var invitation) || !Uri.TryCreate(invitation.Url, UriKind.Absolute, out var url))
            return await SayAsync("This is no invitation: give the whole line that `geodr site invite` printed at the primary.", ExitCodes.Usage);
        var reader = new SettingsReader(VerbSettings.Configuration());
        var settings = reader.Read();
        // The key that the settings name is made here where it is not there.
        var faults = reader.Faults.Where(f => f.Key != KeyFile).ToList();
        if (settings.SiteKeyFile is null)
            faults.Add(new(KeyFile, "is missing; say where this site's key is, or is to be"));
        if (settings.SiteName != invitation.Name)
            faults.Add(new("Geo:Site:Name", $"is {settings.SiteName}, and the invitation is for {invitation.Name}"));
        if (url.Scheme != Uri.UriSchemeHttps && !settings.PrimaryAllowHttp)
            faults.Add(new("Geo:Primary:AllowHttp", $"is not true, and {invitation.Site} is called by plain http: {url}"));
        if (!VerbSettings.Report(faults))
            return ExitCodes.Settings;
        if (invitation.Until < TimeProvider.System.GetUtcNow())
            return await SayAsync($"The invitation ended at {invitation.Until.UtcDateTime:yyyy-MM-dd HH:mm} UTC (or this machine's clock is ahead): ask for another.", ExitCodes.Failed);
        return await VerbSettings.WithDatabaseAsync(source => JoinAsync(source, settings, invitation, cancel));
    }

    private static async Task<int> JoinAsync(NpgsqlDataSource source, GeoSettings settings, Invitation invitation, CancellationToken cancel)
    {
        await Migrator.MigrateAsync(source, cancel);
        try
        {
            if (!File.Exists(settings.SiteKeyFile))
            {
                using var made = SiteKey.Create();
                made.WritePrivate(settings.SiteKeyFile!);
                await Console.Error.WriteLineAsync($"This site's key is new, in {settings.SiteKeyFile}.");
            }
            using var key = SiteKey.Load(settings.SiteKeyFile!);
            using var client = SiteClient.Of(settings, TimeProvider.System)!;
            var book = new SiteBook(source);
            await Joining.JoinAsync(invitation, settings, key, client, book, new TermStore(source, book), TimeProvider.System, cancel);
            await new AuditLog(source).NoteAsync(Shell.User, "joined", null, invitation.Site, null, cancel);
        }
        catch (Exception e) when (e is HttpRequestException or UntrustedAnswerException or CryptographicException or IOException or UnauthorizedAccessException)
        {
            return await SayAsync($"{settings.SiteName} did not join: {e.Message}", ExitCodes.Failed);
        }
        var uses = settings.PrimaryUrl is { } set && SettingsReader.SameUrl(set, new(invitation.Url));
        return await SayAsync(
            $"{settings.SiteName} and {invitation.Site} know each other now; no Geo:Peers is needed for that. "
            + (uses || settings.Role == Site.Primary ? "Start `geodr serve`, again where it runs." : $"Set Geo:Primary:Url to {invitation.Url}, and start `geodr serve`."), ExitCodes.Success);
    }

    private static async Task<int> SayAsync(string words, int code)
    {
        await Console.Error.WriteLineAsync(words);
        return code;
    }
}
