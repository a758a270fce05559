using System.Security.Cryptography;

namespace GeoDR.Tokens;

/// <summary>A site's own key, EC P-256 in PEM: it signs calls to other sites.</summary>
public sealed class SiteKey : IDisposable
{
    /// <summary>Of one site at a time.</summary>
    public const int MostKeys = 2;

    private SiteKey(ECDsa key) => Key = key;

    internal ECDsa Key { get; }

    public static SiteKey Create() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256));

    /// <exception cref="CryptographicException">No EC P-256 private key.</exception>
    public static SiteKey Load(string file) => new(Import(file));

    /// <exception cref="CryptographicException">No EC P-256 key.</exception>
    public static ECDsa LoadPublic(string file) => Import(file);

    /// <exception cref="CryptographicException">As <see cref="ParseAll"/>.</exception>
    public static IReadOnlyList<ECDsa> LoadAll(string file) => ParseAll(File.ReadAllText(file), file);

    /// <exception cref="CryptographicException">No EC P-256 key.</exception>
    public static ECDsa ParsePublic(string pem) => ImportPem(pem, "the site's public key");

    /// <summary>Every key of a site that changes its key: the old one and the new one count for as long as both stand there.</summary>
    /// <param name="pem">One public key after the other, <see cref="MostKeys"/> at most.</param>
    /// <exception cref="CryptographicException">No EC P-256 key, another kind beside it, or too many.</exception>
    public static IReadOnlyList<ECDsa> ParseAll(string pem, string what = "the site's public key")
    {
        var blocks = new List<string>();
        for (var rest = pem.AsSpan(); PemEncoding.TryFind(rest, out var found); rest = rest[found.Location.End..])
            blocks.Add(rest[found.Location].ToString());
        if (blocks.Count > MostKeys)
            throw new CryptographicException($"{what} holds {blocks.Count} keys; {MostKeys} at most, the old one and the new one");
        return [.. (blocks.Count == 0 ? [pem] : blocks).Select(b => ImportPem(b, what))];
    }

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
