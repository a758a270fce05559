using Microsoft.AspNetCore.Http;
using System.Text;

namespace GeoDR.Lab.Registries;

/// <summary>Lets a request through or answers it: credentials, token, access for each action.</summary>
sealed class AuthGate(LabRegistrySwitches switches, LabTokenSigner own, TimeProvider time)
{
    /// <summary>False when the request has been answered.</summary>
    public async Task<bool> AdmitAsync(RegistryCall call)
    {
        var needed = Needed(call);
        switch (switches.Auth)
        {
            case LabBasicAuth basic:
                return await BasicAsync(call, basic, needed);
            case LabTokenServiceAuth service:
                var realm = service.Realm ?? call.BaseUrl + "/token";
                return await BearerAsync(call, needed, realm, service.Service,
                    t => TokenVerifier.Verify(t, service.Issuer, service.Service, [own.Certificate], service.Leeway, time.GetUtcNow()));
            case LabJwtAuth jwt:
                return await BearerAsync(call, needed, jwt.Realm, jwt.Service,
                    t => TokenVerifier.Verify(t, jwt.Issuer, jwt.Service, jwt.Roots, jwt.Leeway, time.GetUtcNow()));
            default:
                return true;
        }
    }

    internal static LabUser? User(HttpRequest request, IEnumerable<LabUser> users)
    {
        var header = request.Headers.Authorization.ToString();
        if (!header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var bytes = new byte[header.Length];
        return Convert.TryFromBase64String(header[6..].Trim(), bytes, out var length)
            && Encoding.UTF8.GetString(bytes, 0, length).Split(':', 2) is [var name, var password]
            ? users.FirstOrDefault(u => u.Name == name && u.Password == password)
            : null;
    }

    /// <summary>What Distribution asks for: push with pull, and "delete" for every DELETE, the cancelling of an upload too.</summary>
    static List<TokenAccess> Needed(RegistryCall call)
    {
        if (call.Route.Kind == RequestKind.Catalog)
        {
            return [TokenAccess.Catalog];
        }

        if (call.Repository.Length == 0)
        {
            return [];
        }

        List<TokenAccess> needed = call.Method switch
        {
            "GET" or "HEAD" => [TokenAccess.Repository(call.Repository, "pull")],
            "DELETE" => [TokenAccess.Repository(call.Repository, "delete")],
            _ => [TokenAccess.Repository(call.Repository, "pull", "push")],
        };
        if (call.Query("mount") is not null && call.Query("from") is { Length: > 0 } from)
        {
            needed.Add(TokenAccess.Repository(from, "pull"));
        }

        return needed;
    }

    async Task<bool> BasicAsync(RegistryCall call, LabBasicAuth basic, List<TokenAccess> needed)
    {
        var user = User(call.Http.Request, basic.Users);
        if (user is null)
        {
            call.Http.Response.Headers.WWWAuthenticate = "Basic realm=\"lab\"";
            await call.ErrorAsync(401, "UNAUTHORIZED", "authentication required");
            return false;
        }

        call.Record.Actor = user.Name;
        if (needed.All(n => n.Actions.All(a => user.May(n.Type, n.Name, a))))
        {
            return true;
        }

        await (switches.DeniedIsNotFound
            ? call.NameUnknownAsync()
            : call.ErrorAsync(403, "DENIED", "requested access to the resource is denied"));
        return false;
    }

    async Task<bool> BearerAsync(RegistryCall call, List<TokenAccess> needed, string realm, string service, Func<string, VerifiedToken?> verify)
    {
        var header = call.Http.Request.Headers.Authorization.ToString();
        var sent = header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header[7..].Trim() : null;
        var token = sent is null ? null : verify(sent);
        call.Record.Actor = token?.Subject ?? "";
        call.Record.Scopes = token?.Access.Select(a => a.ToString()).ToList() ?? [];
        if (token is not null && needed.All(n => n.Actions.All(a => Grants(token, n, a))))
        {
            return true;
        }

        if (token is not null && switches.DeniedIsNotFound)
        {
            await call.NameUnknownAsync();
            return false;
        }

        var scope = needed.Count == 0 ? "" : $",scope=\"{string.Join(' ', needed)}\"";
        var error = token is not null ? ",error=\"insufficient_scope\"" : sent is not null ? ",error=\"invalid_token\"" : "";
        call.Http.Response.Headers.WWWAuthenticate = $"Bearer realm=\"{realm}\",service=\"{service}\"{scope}{error}";
        await call.ErrorAsync(401, "UNAUTHORIZED", "authentication required");
        return false;
    }

    static bool Grants(VerifiedToken token, TokenAccess needed, string action) => token.Access.Any(a =>
        a.Type == needed.Type && a.Name == needed.Name && (a.Actions.Contains(action) || a.Actions.Contains("*")));
}
