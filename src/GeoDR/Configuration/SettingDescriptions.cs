namespace GeoDR.Configuration;

/// <summary>What each setting means, in a sentence or two: for the settings page, <c>geodr settings --json</c> and <c>docs/reference/settings.md</c>.</summary>
internal static class SettingDescriptions
{
    /// <summary>Sections with the keys of a registry, as <c>Geo:Registry</c> has them.</summary>
    public static readonly string[] Registries = ["Geo:Primary:Registry", "Geo:Peers:NAME:Registry", "Geo:Failover:Clients"];

    /// <summary>By key; NAME stands for a site's name, N for a number. Registries other than this site's own are described once.</summary>
    public static readonly IReadOnlyDictionary<string, string> ByKey = new Dictionary<string, string>
    {
        ["Geo:Site:Name"] = "This site's name: 1 to 63 letters, digits, `-`, `_` or `.`; no two sites have the same.",
        ["Geo:Site:Role"] = "`primary` or `secondary`: how the site begins. Afterwards its database holds the role, and only `geodr promote` and `geodr demote` change it.",
        ["Geo:Site:Url"] = "Where the other sites and people reach this GeoDR: `https://host[:port]`.",
        ["Geo:Site:KeyFile"] = "This site's own private key, from `geodr key new` or `geodr site join`; signs its calls to other sites and its terms.",
        ["Geo:Site:RegistryUrl"] = "Where the other sites read this site's registry; by default as this site does, `Geo:Registry:Url`.",
        ["Geo:Database"] = "Npgsql connection string of this site's own database. Of another one in the file the password counts at once, the rest with the next start; Npgsql's `Passfile=` works, too.",
        ["Geo:Registry"] = "This site's registry.",
        ["Geo:Registry:Url"] = "`https://host[:port]`; credentials have settings of their own.",
        ["Geo:Registry:Username"] = "For a registry that takes a name and a password. Without them GeoDR signs a token when the registry asks for one.",
        ["Geo:Registry:Password"] = "Belongs to `Username`.",
        ["Geo:Registry:Service"] = "The tokens' `aud`; by default what the registry's challenge names.",
        ["Geo:Registry:TokensFrom"] = "Who signs the tokens for that registry: `self` (needs `Geo:Tokens`), or `primary`: its site grants them, each to pull one repository (needs `Geo:Site:KeyFile`, `Geo:Primary:Url`). Default: `self` where this site has `Geo:Tokens`, else `primary` where it has a key.",
        ["Geo:Registry:Realms"] = "Hosts that may be asked for tokens besides the registry's own; none unless named.",
        ["Geo:Registry:BlobHosts"] = "Hosts that blobs may be redirected to, any unless some are named; `*.example.com` takes all below it.",
        ["Geo:Registry:CaFile"] = "Authorities in PEM, in place of the system's, for the registry, its token service and where it sends for blobs.",
        ["Geo:Registry:ClientCertificateFile"] = "Shown to a registry that wants a client certificate, in PEM; further certificates in the file are sent as its chain. Read again when it changes.",
        ["Geo:Registry:ClientKeyFile"] = "The key of `ClientCertificateFile`, in PEM; one file may hold both.",
        ["Geo:Registry:AllowHttp"] = "The registry may be reached by `http://`.",
        ["Geo:Primary:Url"] = "(secondary) The primary's GeoDR. Like the role it is where the site begins: after a change of primary what the database knows counts.",
        ["Geo:Primary:Log"] = "(secondary) Where the primary's log is read: a connection string for its database or a hot standby of it, or `https://host[:port]` of its GeoDR. A URL needs `Geo:Site:KeyFile`, and a primary that this site joined, or that URL in `Geo:Peers:NAME:Url` with `PublicKeyFile`.",
        ["Geo:Primary:AllowHttp"] = "(secondary) The log's URL may be `http://`: whoever sits between reads it, and may answer for the primary.",
        ["Geo:Primary:CaFile"] = "Authorities in PEM, in place of the system's, for all calls of this site to other sites.",
        ["Geo:Primary:Registry"] = "(secondary) The primary's registry.",
        ["Geo:Notifications:Secrets"] = "What registries send in their `Authorization` header: a list, or separated by commas, so that a secret can be changed; in the file a line each.",
        ["Geo:Notifications:Silence"] = "(primary) After so long without a notification, and as often, a small part of its own registry is looked at; what changed there untold makes the site degraded until a notification comes, and wants a comparison. 0 never. Not where `Geo:Reconcile:Every` is as short: then comparing is the source. Needs `Geo:Registry`.",
        ["Geo:Peers"] = "Another site by its name, until it is joined by invitation.",
        ["Geo:Peers:NAME:Url"] = "Its GeoDR.",
        ["Geo:Peers:NAME:PublicKeyFile"] = "Its public key, in PEM; two may stand in the file while it is changed. Read again while the program runs.",
        ["Geo:Peers:NAME:MayPromote"] = "Whether its terms count here.",
        ["Geo:Peers:NAME:Log"] = "Its log as this site reads it while it is the primary, where that is not `Url`.",
        ["Geo:Peers:NAME:Registry"] = "Its registry as this site reads it while it is the primary; by default what it says of itself.",
        ["Geo:Tokens:Issuer"] = "The `iss` of the tokens that this site signs for registries; equals the registries' `auth.token.issuer`.",
        ["Geo:Tokens:KeyFile"] = "The private key that signs them: RSA, or EC P-256.",
        ["Geo:Tokens:CertificateFile"] = "The certificate of that key, which the registries trust (Distribution: `auth.token.rootcertbundle`).",
        ["Geo:Tokens:Lifetime"] = "How long a token counts, 1m to 1h.",
        ["Geo:Tls:CertificateFile"] = "What this site's own `https://` addresses (`ASPNETCORE_URLS`) show, in PEM; further certificates in the file are sent as its chain. Read again when it changes.",
        ["Geo:Tls:KeyFile"] = "Its key, in PEM; the certificate's file may hold it, too.",
        ["Geo:SignIn:Header"] = "Sign-in by a proxy: the header in which it gives the user. Off unless set; local users sign in all the same. The proxy must take it out of what clients send, and keep `Host`.",
        ["Geo:SignIn:GroupsHeader"] = "The header in which the proxy gives the user's groups, separated by commas.",
        ["Geo:SignIn:Viewer"] = "Groups that give the role viewer; whoever is in none of any role has no role.",
        ["Geo:SignIn:Operator"] = "Groups that give the role operator.",
        ["Geo:SignIn:Admin"] = "Groups that give the role admin.",
        ["Geo:SignIn:TrustedProxies"] = "Addresses or networks of proxies, as they reach this site: their sign-in headers count, and their `X-Forwarded-For` and `X-Forwarded-Proto`; from anywhere else these are nothing. Needed with `Header`; may be set without, for the addresses in the audit log.",
        ["Geo:Jobs:Engine"] = "What has the jobs run: `builtin`, or `hangfire`, whose adapter lies in the directory `hangfire` beside the program; without it the start stops. The same for all processes of a site.",
        ["Geo:Filter:Include"] = "(secondary) Repositories to follow, all where there is none; patterns: `*` within a path component, `**` for anything, `?` for one character. A change is a backfill; what is no longer followed stays in the registry.",
        ["Geo:Filter:Exclude"] = "Repositories not to follow, whatever `Include` says.",
        ["Geo:Filter:IncludeTags"] = "Tags to follow. Digests and the tags of signatures (`sha256-…`) are followed unless excluded.",
        ["Geo:Filter:ExcludeTags"] = "Tags not to follow.",
        ["Geo:Filter:EventOnly"] = "Repositories that are followed by their events alone: no backfill, no resync of all finds them. A resync by name does.",
        ["Geo:Filter:ReconcileOnly"] = "Repositories whose events are left aside: backfill and resync find what changed.",
        ["Geo:Filter:Platforms"] = "Entries of indexes to copy, all where there is none: `linux/amd64, linux/arm/v7`. The index keeps its digest and names what is not there; where the registry does not take that, the row fails with \"platform left out\".",
        ["Geo:Filter:Map"] = "Other names at this site, by prefix: `team/=berlin/team/`; the first that fits counts. A repository whose own name stands where mapped ones go fails with \"name taken\". A site with a map or platforms is no full copy and must not be promoted for what they concern.",
        ["Geo:Failover:FenceCommand"] = "Keeps clients from writing to this site's registry: a list, the program and its arguments, run without a shell, 30 s at most. It gets this program's environment without `Geo__*`; what stands in its arguments everybody on the machine can read.",
        ["Geo:Failover:UnfenceCommand"] = "Lets clients write to this site's registry; a list, too.",
        ["Geo:Failover:StartHold"] = "How long a primary that starts waits for the terms of peers that do not answer; until then it takes nothing in.",
        ["Geo:Failover:MayPromote"] = "This site may be promoted.",
        ["Geo:Failover:Heartbeat"] = "How often the sites hear of each other.",
        ["Geo:Failover:Clients"] = "This site's registry as clients reach it, with a client's name and password: a planned promotion pushes there to prove that clients are fenced.",
        ["Geo:Drill:Every"] = "(secondary) A drill by schedule, so often; 0 never.",
        ["Geo:Drill:Repositories"] = "How many repositories it pulls, drawn by lot, or `all`.",
        ["Geo:Drill:BytesPerSecond"] = "How fast it reads.",
        ["Geo:Sync:Workers"] = "Repositories at once in one process.",
        ["Geo:Sync:BlobsPerImage"] = "Blobs at once for one image.",
        ["Geo:Sync:ConnectionsPerRegistry"] = "Connections of one process to each registry.",
        ["Geo:Sync:BandwidthLimit"] = "What the site reads from the primary's registry, over all its processes: `20MB/s`, `200Mbit/s` (decimal units).",
        ["Geo:Sync:BandwidthWindows"] = "Other limits at other times, in UTC, the first that holds: `22:00-06:00 100MB/s`, `12:00-13:00 unlimited`.",
        ["Geo:Sync:CopyForeignLayers"] = "Copy foreign layers where the primary's registry holds them; else only their reference is kept.",
        ["Geo:Sync:Lease"] = "How long a silent process keeps what it works on, comparisons too; 2s at least.",
        ["Geo:Sync:IdleTimeout"] = "How long a transfer may be silent, however long it takes.",
        ["Geo:Reconcile:Every"] = "How often this site's registry is read again, tag by tag; 0 never. A primary needs `Geo:Registry` for it.",
        ["Geo:Reconcile:RequestsPerSecond"] = "How gently; 0 unlimited.",
        ["Geo:Reconcile:Settle"] = "How long a difference must stand to be believed.",
        ["Geo:Verification:Automatic"] = "(secondary) Look at what is here after each sync and by schedule; false: only what is asked for (`geodr schedules run verify` asks, too), and what was repaired.",
        ["Geo:Verification:Every"] = "Everything is looked at so often: the oldest first, a part each day.",
        ["Geo:Verification:DeepEvery"] = "Everything is read and hashed so often.",
        ["Geo:Verification:RequestsPerSecond"] = "What that may cost, over all processes of the site: requests to both registries.",
        ["Geo:Verification:BytesPerSecond"] = "Bytes that it reads from the own registry.",
        ["Geo:Deletion:Quarantine"] = "(secondary) How long a deletion at the primary waits before it is looked into: a time, `none`, or `never` (delete nothing, only list).",
        ["Geo:Deletion:Brake"] = "More deletions within an hour than this share of the site's tags, or this number, are all held until an operator releases them; a share is at least five, or half of what a very small site holds.",
        ["Geo:Deletion:ConfirmAfter"] = "Time between the two listings of the primary that must lack a tag; the pause after one that proves nothing. Shorter than a minute is for tests.",
        ["Geo:Schedules:CheckIn"] = "How often a node says that it lives; after twice this without a word another goes on with its runs. The nodes' clocks must agree to within it.",
        ["Geo:Targets:Age"] = "(secondary) What may be lost at most: the age of the oldest push that is not here and of the log's last reading; 2s at least.",
        ["Geo:Targets:Bytes"] = "The same in bytes: `500MB`, `10GB` decimal, `10GiB` binary.",
        ["Geo:Targets:Rules:N:Pattern"] = "A target for repositories by their name at the primary, patterns as in `Geo:Filter`; 24 rules at most. Every target counts: a rule can only be stricter than the site's.",
        ["Geo:Targets:Rules:N:Age"] = "The rule's age.",
        ["Geo:Targets:Rules:N:Bytes"] = "The rule's bytes.",
        ["Geo:Alerts:Every"] = "How often everything is looked at.",
        ["Geo:Alerts:Remind"] = "When what stands is said again; 0 never.",
        ["Geo:Alerts:Webhook:Url"] = "Messages are posted there. Many such addresses hold a secret; it is never shown.",
        ["Geo:Alerts:Webhook:Secret"] = "Signs them.",
        ["Geo:Alerts:Webhook:AllowHttp"] = "The address may be `http://`.",
        ["Geo:Alerts:Mail:Host"] = "The mail server.",
        ["Geo:Alerts:Mail:Port"] = "Its port; 25 without TLS.",
        ["Geo:Alerts:Mail:From"] = "`geodr@example.com`, or `Name <geodr@example.com>`.",
        ["Geo:Alerts:Mail:To"] = "One or more addresses: a list, or separated by commas.",
        ["Geo:Alerts:Mail:Username"] = "Where the server wants one.",
        ["Geo:Alerts:Mail:Password"] = "Belongs to `Username`; not sent without TLS.",
        ["Geo:Alerts:Mail:Tls"] = "`starttls` or `none`.",
        ["Geo:Metrics:Listen"] = "`ADDRESS:PORT` that answers `GET /metrics`, without a token, and nothing else; none unless set.",
        ["Geo:Log:KeepFor"] = "How long the primary keeps events: never less than this, then until every reader has passed them.",
        ["Geo:Log:ReaderSilence"] = "A reader unheard for so long holds nothing back; it compares everything when it returns.",
        ["Geo:Log:MaxEvents"] = "Nor does a reader for whom more events than this would have to be kept.",
        ["Geo:Log:MaxBytes"] = "Nor one for whom (about) more bytes would have to be; or `none`.",
        ["Geo:Retention:Attempts"] = "What each piece of work came to is kept so long.",
        ["Geo:Retention:AttemptsPerRepository"] = "And of each repository at most so many, the newest.",
        ["Geo:Retention:Audit"] = "The audit log, and pushes where nobody should push.",
        ["Geo:Retention:History"] = "Ended requests and comparisons, healed damage, registries that notify no more.",
        ["Geo:Retention:Quarantine"] = "Notifications that could not be understood, since they last came.",
        ["Geo:Retention:QuarantineBytes"] = "Of their bodies at most so much, the newest; or `none`.",
    };

    /// <summary>Null for a key that nobody described.</summary>
    public static string? Of(string key)
    {
        var general = General(key);
        if (Registries.FirstOrDefault(r => general.StartsWith(r + ":", StringComparison.Ordinal)) is { } registry)
            general = "Geo:Registry" + general[registry.Length..];
        return ByKey.GetValueOrDefault(general)
            ?? (general.EndsWith("File", StringComparison.Ordinal) && ByKey.ContainsKey(general[..^4]) ? "The same out of a file, which is read again when it changes." : null);
    }

    /// <summary>The key with NAME for a peer's name, and N for a rule's number.</summary>
    public static string General(string key) => key.Split(':') switch
    {
        ["Geo", "Peers", _, .. var rest] => string.Join(':', ["Geo", "Peers", "NAME", .. rest]),
        ["Geo", "Targets", "Rules", _, .. var rest] => string.Join(':', ["Geo", "Targets", "Rules", "N", .. rest]),
        _ => key,
    };
}
