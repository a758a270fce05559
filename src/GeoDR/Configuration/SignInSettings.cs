using System.Net;
using GeoDR.Sites;

namespace GeoDR.Configuration;

/// <summary>Signing in by what a proxy says of its users, off by default: <c>Geo:SignIn</c>.</summary>
public sealed record SignInSettings
{
    private static readonly string[] s_others = ["Authorization", "Cookie", "Host", "Origin", "Connection", "Upgrade", "X-Forwarded-For", "X-Forwarded-Proto"];

    /// <summary>The header that names the user; null: nobody signs in so.</summary>
    public string? Header { get; init; }

    /// <summary>The header that lists the user's groups, with commas between them.</summary>
    public string? GroupsHeader { get; init; }

    /// <summary>Addresses whose headers count, <see cref="Header"/> and X-Forwarded-For alike; from anywhere else they are nothing.</summary>
    public IReadOnlyList<IPNetwork> TrustedProxies { get; init; } = [];

    /// <summary>The groups that give each role; who is in none of them has no role.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Groups { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    public bool Trusts(IPAddress? address) =>
        address is not null && TrustedProxies.Any(n => n.Contains(Plain(address)));

    /// <summary>The highest that one of the groups gives; null for none.</summary>
    public string? RoleOf(IReadOnlyCollection<string> groups) =>
        Roles.All.LastOrDefault(role => Groups.TryGetValue(role, out var giving) && giving.Intersect(groups, StringComparer.Ordinal).Any());

    internal static SignInSettings Read(Func<string, string?> text, Func<string, List<string>> list, Action<string, string> wrong)
    {
        var (header, groupsHeader) = (Name("Geo:SignIn:Header"), Name("Geo:SignIn:GroupsHeader"));
        var groups = new[] { (Roles.Viewer, "Viewer"), (Roles.Operator, "Operator"), (Roles.Admin, "Admin") }
            .ToDictionary(r => r.Item1, r => (IReadOnlyList<string>)list($"Geo:SignIn:{r.Item2}"));
        var proxies = new List<IPNetwork>();
        foreach (var entry in list("Geo:SignIn:TrustedProxies"))
        {
            if (Network(entry) is { PrefixLength: > 0 } network)
                proxies.Add(network);
            else
                wrong("Geo:SignIn:TrustedProxies", $"is '{entry}'; write addresses or networks of proxies, such as 10.1.2.3 or 10.1.2.0/24, and never all there are");
        }
        var mapped = groups.Values.Any(g => g.Count > 0);
        if (header is null && (groupsHeader is not null || mapped))
            wrong("Geo:SignIn:Header", "is missing; name the header in which the proxy gives the user, or take the groups out");
        if (header is not null && proxies.Count == 0)
            wrong("Geo:SignIn:TrustedProxies", $"is missing; name the address of the proxy that sets {header}: whoever else reaches this site could set it, too");
        if (header is not null && groupsHeader is null)
            wrong("Geo:SignIn:GroupsHeader", "is missing; name the header in which the proxy gives the user's groups: they give the role");
        if (header is not null && !mapped)
            wrong("Geo:SignIn:Admin", "is missing, and Operator and Viewer are, too; name the groups that give a role: without one nobody may do anything");
        if (header is not null && string.Equals(header, groupsHeader, StringComparison.OrdinalIgnoreCase))
            wrong("Geo:SignIn:GroupsHeader", "names the same header as Geo:SignIn:Header");
        return new() { Header = header, GroupsHeader = groupsHeader, Groups = groups, TrustedProxies = proxies };

        string? Name(string key)
        {
            var name = text(key);
            if (name is null || name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') && !s_others.Contains(name, StringComparer.OrdinalIgnoreCase))
                return name;
            wrong(key, $"is '{name}'; write the name of a header that only the proxy sets, such as X-Forwarded-User");
            return null;
        }
    }

    // An IPv4 address may be written, and may arrive, as an IPv6 one.
    private static IPNetwork? Network(string text)
    {
        if (IPAddress.TryParse(text, out var one))
            return new(Plain(one), Plain(one).GetAddressBytes().Length * 8);
        return IPNetwork.TryParse(text, out var network) ? network : null;
    }

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
}
