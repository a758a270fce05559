using System.Net;
using System.Net.Sockets;
using GeoDR.Audit;
using GeoDR.Hosting;
using Microsoft.AspNetCore.Antiforgery;

namespace GeoDR.Dashboard.Access;

/// <summary>What is refused, in the words of the audit log.</summary>
internal static class RefusalKinds
{
    public const string Password = "refused: wrong password";
    public const string Locked = "refused: locked user";
    public const string Session = "refused: ended or forged session";
    public const string UnknownToken = "refused: unknown API token";
    public const string ExpiredToken = "refused: expired API token";
    public const string NotSignedIn = "refused: not signed in";
    public const string Role = "refused: missing right";
    public const string Form = "refused: forged or expired form";
    public const string Origin = "refused: call from another site's page";
    public const string SiteCall = "refused: call of a site";
    public const string Notification = "refused: wrong notification secret";
    public const string Header = "refused: sign-in header";
}

/// <summary>
/// Gathers what was refused and brings it to the audit log every second: one line for each kind, address and minute with its count, and
/// a bounded number of lines a minute, so that a flood costs the database nothing.
/// </summary>
internal sealed class Refusals(AuditLog audit, ILogger<Refusals> logger, TimeProvider time) : IntervalLoop(TimeSpan.FromSeconds(1), logger, time)
{
    /// <summary>Lines a minute and node; what is beyond is told without its address.</summary>
    public const int MostLines = 60;

    /// <summary>The address of what came when the minute's lines were full.</summary>
    public const string Elsewhere = "other addresses";

    private const int MostCharacters = 128;

    private readonly Lock _lock = new();
    private readonly HashSet<(string Kind, string Address)> _lines = [];
    private Dictionary<(string Kind, string Address), RefusedAttempts> _waiting = [];
    private long _minute;

    protected override string Name => "gathering of what was refused";

    /// <param name="who">Who it claimed to be, where that is known to be a name; never what might be a secret.</param>
    public void Note(string kind, string? address, string? who, string detail)
    {
        lock (_lock)
        {
            var minute = Time.GetUtcNow().ToUnixTimeSeconds() / 60;
            if (minute != _minute)
                _lines.Clear();
            _minute = minute;
            var key = (kind, Network(address));
            if (!_lines.Contains(key) && _lines.Count >= MostLines)
                key = (kind, Elsewhere);
            _lines.Add(key);
            Add(new(kind, key.Item2, Clean(who ?? "nobody"), Clean(detail), 1));
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await RunOnceAsync(cancellationToken);
    }

    protected override async Task<bool> RunOnceAsync(CancellationToken cancel)
    {
        Dictionary<(string, string), RefusedAttempts> taken;
        lock (_lock)
            (taken, _waiting) = (_waiting, []);
        if (taken.Count == 0)
            return false;
        try
        {
            await audit.GatherAsync(taken.Values, cancel);
        }
        catch
        {
            lock (_lock)
                foreach (var attempts in taken.Values)
                    Add(attempts);
            throw;
        }
        return false;
    }

    private void Add(RefusedAttempts more)
    {
        var key = (more.What, more.Address);
        _waiting[key] = _waiting.TryGetValue(key, out var known)
            ? known with { Count = known.Count + more.Count, Who = known.Who == more.Who ? known.Who : AuditLog.Several, Detail = more.Detail } : more;
    }

    // Whoever has one IPv6 address has a network of them.
    private static string Network(string? address)
    {
        if (!IPAddress.TryParse(address, out var ip))
            return address ?? "unknown";
        if (ip.AddressFamily != AddressFamily.InterNetworkV6 || IPAddress.IsLoopback(ip))
            return ip.ToString();
        var bytes = ip.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return $"{new IPAddress(bytes)}/64";
    }

    private static string Clean(string text) => new([.. text.Where(c => !char.IsControl(c) && !char.IsSurrogate(c)).Take(MostCharacters)]);
}

/// <summary>Says of a call why it is refused; what answers 401 or 403 without a word is noted all the same.</summary>
internal static class RefusalNotes
{
    private static readonly object s_key = new();

    /// <summary>Noted when the call is answered; the first reason counts.</summary>
    public static void Refuse(this HttpContext http, string kind, string? who = null) => http.Items.TryAdd(s_key, ((string?)kind, who));

    /// <summary>Nobody can be vouched for just now: that is no refusal.</summary>
    public static void NotRefused(this HttpContext http) => http.Items.TryAdd(s_key, ((string?)null, (string?)null));

    /// <summary>At once, for what is answered before the rest of the program sees it.</summary>
    public static void Note(this HttpContext http, string kind, string? who = null) =>
        http.RequestServices.GetService<Refusals>()?.Note(kind, ClientAddress.Of(http), who, $"{http.Request.Method} {http.Request.Path}");

    public static void UseRefusals(this IApplicationBuilder app) => app.Use(static async (http, next) =>
    {
        await next(http);
        var (kind, who) = http.Items.TryGetValue(s_key, out var said) ? ((string?, string?))said!
            : http.Response.StatusCode == StatusCodes.Status401Unauthorized ? (http.Request.Headers.Authorization.Count > 0 ? RefusalKinds.UnknownToken : RefusalKinds.NotSignedIn, null)
            : http.Response.StatusCode == StatusCodes.Status403Forbidden ? (RefusalKinds.Role, http.User.Identity?.Name)
            : http.Features.Get<IAntiforgeryValidationFeature>() is { IsValid: false } ? (RefusalKinds.Form, http.User.Identity?.Name)
            : (null, null);
        if (kind is not null)
            http.Note(kind, who);
    });
}
