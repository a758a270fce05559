namespace GeoDR.Lab;

/// <summary>The keys that both registries trust: the sites' shared one, and that of the realm which clients use.</summary>
internal sealed class SiteKeys
{
    public SiteKeys(string directory, SigningAlgorithm algorithm)
    {
        Sites = SigningKey.Create(directory, "tokens", algorithm);
        Clients = SigningKey.Create(directory, "clients", SigningAlgorithm.EllipticCurve);
        Bundle = Path.Combine(directory, "bundle.pem");
        SigningKey.WriteBundle(Bundle, Sites, Clients);
    }

    public SigningKey Sites { get; }

    public SigningKey Clients { get; }

    public string Bundle { get; }
}
