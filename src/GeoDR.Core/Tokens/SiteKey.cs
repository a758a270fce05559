using System.Security.Cryptography;

namespace GeoDR.Tokens;

/// <summary>A site's own key, EC P-256 in PEM: it signs calls to other sites.</summary>
public sealed class SiteKey : IDisposable
{
    private SiteKey(ECDsa key) => Key = key;

    internal ECDsa Key { get; }

    public static SiteKey Create() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256));

    /// <exception cref="CryptographicException">No EC P-256 private key.</exception>
    public static SiteKey Load(string file) => new(Import(file));

    /// <exception cref="CryptographicException">No EC P-256 key.</exception>
    public static ECDsa LoadPublic(string file) => Import(file);

    /// <exception cref="CryptographicException">No EC P-256 key.</exception>
    public static ECDsa ParsePublic(string pem) => ImportPem(pem, "the site's public key");

    /// <summary>Readable by its owner alone; an existing file is never overwritten.</summary>
    public void WritePrivate(string file)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var stream = new FileStream(file, options);
        using var writer = new StreamWriter(stream);
        writer.WriteLine(Key.ExportPkcs8PrivateKeyPem());
    }

    public string PublicPem => Key.ExportSubjectPublicKeyInfoPem();

    public void WritePublic(string file) => File.WriteAllText(file, PublicPem + "\n");

    public void Dispose() => Key.Dispose();

    private static ECDsa Import(string file) => ImportPem(File.ReadAllText(file), file);

    private static ECDsa ImportPem(string pem, string what)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
        }
        catch (ArgumentException)
        {
            throw new CryptographicException($"{what} holds no EC key in PEM; make one with `geodr key new`");
        }
        return key.KeySize == 256 ? key : throw new CryptographicException($"{what} holds an EC key that is not P-256");
    }
}
