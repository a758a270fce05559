using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using GeoDR.Lab;

namespace GeoDR.Tests.Registries;

/// <summary>A site's own https address: what it shows, and that it shows another certificate as soon as its files hold one.</summary>
public sealed partial class TlsRegistryTests
{
    /// <summary>A certificate and its key as Kubernetes mounts them: links to links, of which the one in the middle is moved.</summary>
    public sealed class OwnTls
    {
        private readonly string _directory;
        private int _version;

        public OwnTls(string directory, LabCertificates first)
        {
            _directory = Directory.CreateDirectory(directory).FullName;
            File.CreateSymbolicLink(Path.Combine(_directory, "..data"), Version(first.ServerCertificateFile, first.ServerKeyFile));
            File.CreateSymbolicLink(CertificateFile, Path.Combine("..data", "tls.crt"));
            File.CreateSymbolicLink(KeyFile, Path.Combine("..data", "tls.key"));
        }

        public int Port { get; } = Ports.Free();
        public string Address => $"https://127.0.0.1:{Port}";
        public string CertificateFile => Path.Combine(_directory, "tls.crt");
        public string KeyFile => Path.Combine(_directory, "tls.key");

        public async Task PutAsync(string certificate, string key)
        {
            var link = Path.Combine(_directory, "..link");
            File.CreateSymbolicLink(link, Version(certificate, key));
            // .NET moves no link to a directory.
            (await ManagedProcess.RunAsync("/bin/mv", ["-T", link, Path.Combine(_directory, "..data")], cancellationToken: Stop)).EnsureSuccess();
        }

        /// <summary>What a client sees now, without looking whether it should believe it.</summary>
        public async Task<string> ShownAsync(CancellationToken cancel)
        {
            using var tcp = new TcpClient();
            await tcp.ConnectAsync("127.0.0.1", Port, cancel);
            var shown = "";
            await using var tls = new SslStream(tcp.GetStream());
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = "127.0.0.1", RemoteCertificateValidationCallback = (_, certificate, _, _) => (shown = certificate!.GetCertHashString()).Length > 0,
                },
                cancel);
            return shown;
        }

        private string Version(string certificate, string key)
        {
            var name = $"..{++_version}";
            var fresh = Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;
            File.Copy(certificate, Path.Combine(fresh, "tls.crt"));
            File.Copy(key, Path.Combine(fresh, "tls.key"));
            return name;
        }
    }

    private OwnTls Primary => fixture.PrimaryTls;

    [Fact]
    public async Task Certificate_ReplacedUnderARunningSite_IsShownOnceItsKeyIsThere()
    {
        var (first, second) = (fixture.Certificates, fixture.Strangers);
        Assert.Equal(Hash(first), await Primary.ShownAsync(Stop));
        try
        {
            await Primary.PutAsync(second.ServerCertificateFile, first.ServerKeyFile);
            await Wait.UntilAsync(
                async token => await Primary.ShownAsync(token) == Hash(first) && Log().Contains("cannot be used", StringComparison.Ordinal),
                TimeSpan.FromSeconds(20), () => $"a certificate without its key was not refused\n{Log()}", Stop);
            await Primary.PutAsync(second.ServerCertificateFile, second.ServerKeyFile);
            await UntilShownAsync(second);
        }
        finally
        {
            await Primary.PutAsync(first.ServerCertificateFile, first.ServerKeyFile);
            await UntilShownAsync(first);
        }
    }

    [Fact]
    public async Task Check_PrimaryBehindTls_IsBelievedByItsAuthorityAlone()
    {
        Assert.Equal("pass", Assert.Single(await CheckAsync(), l => l.Name == "primary's GeoDR").Result);
        Assert.Equal("warn", Assert.Single(await CheckAsync(("Primary:CaFile", fixture.Strangers.CaFile)), l => l.Name == "primary's GeoDR").Result);
    }

    [Fact]
    public async Task Health_OfThisMachinesSite_IsItsAnswer()
    {
        await AssertHealthAsync(0, "live", Primary.Address);
        await AssertHealthAsync(0, "primary", $"https://+:{Primary.Port}");
        await AssertHealthAsync(1, "primary", fixture.Sites.Secondary.Geo.Url.AbsoluteUri);
        await AssertHealthAsync(1, "ready", $"http://*:{Ports.Free()}");
        await AssertHealthAsync(3, "ready", "nonsense");
    }

    [Fact]
    public async Task Serve_HttpsWithoutACertificate_IsAFaultOfTheSettings()
    {
        var environment = new Dictionary<string, string>(fixture.Sites.Secondary.Geo.Settings) { ["ASPNETCORE_URLS"] = $"https://127.0.0.1:{Ports.Free()}" };
        var result = await GeoProgram.RunAsync(["serve"], environment, cancellationToken: Stop);
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("Geo:Tls:CertificateFile", result.Error, StringComparison.Ordinal);
    }

    private static async Task AssertHealthAsync(int code, string probe, string urls)
    {
        var result = await GeoProgram.RunAsync(["health", probe], new Dictionary<string, string> { ["ASPNETCORE_URLS"] = urls }, cancellationToken: Stop);
        Assert.True(result.ExitCode == code, $"{probe} at {urls}: {result.ExitCode} {result.Output}{result.Error}");
    }

    private string Log() => fixture.Sites.Primary.Geo.Serve?.LogTail(200) ?? "";

    private Task UntilShownAsync(LabCertificates expected) => Wait.UntilAsync(
        async token => await Primary.ShownAsync(token) == Hash(expected), TimeSpan.FromSeconds(20), () => $"the certificate did not come\n{Log()}", Stop);

    private static string Hash(LabCertificates certificates)
    {
        using var certificate = X509CertificateLoader.LoadCertificateFromFile(certificates.ServerCertificateFile);
        return certificate.GetCertHashString();
    }
}
