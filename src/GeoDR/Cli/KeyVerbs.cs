using GeoDR.Configuration;
using GeoDR.Hosting;
using GeoDR.Registry;
using GeoDR.SyncState;
using GeoDR.Tokens;

namespace GeoDR.Cli;

/// <summary>Keys, and a token to try by hand.</summary>
internal static class KeyVerbs
{
    public static int New(string privateFile, string publicFile)
    {
        try
        {
            var key = SiteKey.Create();
            key.WritePrivate(privateFile);
            key.WritePublic(publicFile);
            Console.Error.WriteLine($"Set Geo:Site:KeyFile to {privateFile}, and give {publicFile} to the other sites (Geo:Peers:NAME:PublicKeyFile).");
            return ExitCodes.Success;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(e.Message);
            return ExitCodes.Failed;
        }
    }

    public static async Task<int> TokenAsync(string repository, bool own, CancellationToken cancel)
    {
        if (!OciNames.IsRepository(repository))
        {
            await Console.Error.WriteLineAsync($"'{repository}' is no repository name.");
            return ExitCodes.Usage;
        }
        if (VerbSettings.Read() is not { } settings)
            return ExitCodes.Settings;
        var registry = own ? settings.Registry : settings.PrimaryRegistry;
        if (!own && registry is not null && TokensFrom.IsPrimary(registry, settings))
            return await GrantedTokenVerb.RunAsync(repository, settings, cancel);
        if (registry is null || RegistryClients.Signer(settings, TimeProvider.System) is not { } signer)
        {
            await Console.Error.WriteLineAsync("This site signs no tokens: set Geo:Tokens:Issuer, KeyFile and CertificateFile, and the registry's URL.");
            return ExitCodes.Failed;
        }
        using var client = RegistryClients.Build(own ? Peers.OwnRegistry : Peers.PrimaryRegistry, registry, settings, TimeProvider.System);
        try
        {
            await client.PingAsync(cancel);
        }
        catch (RegistryException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return ExitCodes.Failed;
        }
        var service = registry.Service ?? client.Challenge?.Service;
        if (service is null)
        {
            await Console.Error.WriteLineAsync("The registry asks for no token; set the registry's Service to sign one all the same.");
            return ExitCodes.Failed;
        }
        Console.WriteLine(signer.Sign(service, [new Scope(repository, false)]));
        return ExitCodes.Success;
    }
}
