namespace GeoDR.Lab.Registries;

/// <summary>The registry's own token service (<c>GET /token?service=…&amp;scope=…</c>, basic credentials; no credentials, no token).</summary>
sealed class TokenEndpoint(LabRegistrySwitches switches, LabTokenSigner signer, TimeProvider time)
{
    public async Task HandleAsync(RegistryCall call)
    {
        if (switches.Auth is not LabTokenServiceAuth auth)
        {
            await call.ErrorAsync(404, "UNSUPPORTED", "no token service here");
            return;
        }

        var user = AuthGate.User(call.Http.Request, auth.Users);
        if (user is null || call.Query("service") != auth.Service)
        {
            call.Http.Response.Headers.WWWAuthenticate = "Basic realm=\"lab\"";
            await call.ErrorAsync(401, "UNAUTHORIZED", "incorrect username or password");
            return;
        }

        // A token service grants what is allowed of what was asked, and says nothing of the rest.
        var access = call.Http.Request.Query["scope"].SelectMany(s => (s ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Select(TokenAccess.Parse).OfType<TokenAccess>()
            .Select(a => a with { Actions = [.. a.Actions.Where(x => user.May(a.Type, a.Name, x))] })
            .Where(a => a.Actions.Count > 0).ToList();
        call.Record.Actor = user.Name;
        call.Record.Scopes = [.. access.Select(a => a.ToString())];
        var now = time.GetUtcNow();
        var token = signer.Sign(auth.Issuer, auth.Service, user.Name, now, auth.Lifetime, access);
        await call.JsonAsync(200, new
        {
            token,
            access_token = token,
            expires_in = (int)auth.Lifetime.TotalSeconds,
            issued_at = now.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'"),
        });
    }
}
