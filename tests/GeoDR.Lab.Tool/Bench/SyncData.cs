namespace GeoDR.Lab.Tool.Bench;

/// <summary>What a registry is filled with.</summary>
internal sealed record SyncData(string Name, IReadOnlyList<(string Repository, string Tag, ImageSpec Image)> Images)
{
    public IReadOnlyList<string> Repositories { get; } = [.. Images.Select(i => i.Repository).Distinct()];

    /// <summary>200 repositories of 5 tags that share three base layers.</summary>
    public static SyncData ManySmall(double scale) => new("many-small",
    [
        .. from r in Enumerable.Range(0, Count(200, scale))
           from t in Enumerable.Range(0, 5)
           select ($"r{r:000}", $"v{t}", new ImageSpec(ImageKind.Oci, (r * 10) + t + 1,
               new LayerSpec(1, 1 << 20), new LayerSpec(2 + (r % 3), 512 << 10), new LayerSpec(1_000_000 + (r * 10) + t, 64 << 10))),
    ]);

    /// <summary>One repository of 2,000 tags.</summary>
    public static SyncData Wide(double scale) => new("wide",
    [
        .. Enumerable.Range(0, Count(2000, scale)).Select(t =>
            ("wide", $"v{t:0000}", new ImageSpec(ImageKind.Oci, 5_000_000 + t, new LayerSpec(6_000_000 + t, 10 << 10)))),
    ]);

    /// <summary>Four tags with layers of 256 and 100 MiB.</summary>
    public static SyncData Big(double scale) => new("big",
    [
        .. Enumerable.Range(0, 4).Select(t => ("big", $"v{t}", new ImageSpec(ImageKind.Oci, 7_000_000 + t, new LayerSpec(8_000_000 + (t / 2), (long)((256 << 20) * Math.Min(1, scale))), new LayerSpec(8_100_000 + t, (long)((100 << 20) * Math.Min(1, scale)))))),
    ]);

    private static int Count(int full, double scale) => Math.Max(1, (int)(full * scale));
}
