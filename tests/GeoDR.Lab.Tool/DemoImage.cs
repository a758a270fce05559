namespace GeoDR.Lab.Tool;

/// <summary>One image that the demo pushes: with what, where to, and how.</summary>
internal sealed record DemoImage(string What, string Repository, string Tag, Func<CancellationToken, Task> PushAsync)
{
    public string Name => $"{Repository}:{Tag}";
}

/// <summary>The images of the demo, pushed by the clients that people use: skopeo, and docker where an engine runs.</summary>
internal static class DemoImages
{
    private const int MiB = 1024 * 1024;

    public static async Task<IReadOnlyList<DemoImage>> PrepareAsync(TwoSites sites, DockerEngine? docker, CancellationToken cancellationToken)
    {
        var directory = sites.Directory.PathOf("images", "x")[..^2];
        // Three repositories of one team share a base, as images of one house do.
        LayerSpec[] shared = [new(1, 3 * MiB), new(2, MiB)];
        List<DemoImage> images =
        [
            await OciAsync("OCI image", "shop/cart", new ImageSpec(ImageKind.Oci, 11, [.. shared, new(11, 200_000)])),
            await OciAsync("OCI image", "shop/payments", new ImageSpec(ImageKind.Oci, 12, [.. shared, new(12, 300_000)])),
            await OciAsync("OCI index, two platforms", "shop/web", new ImageSpec(ImageKind.OciIndex, 13, [.. shared, new(13, 400_000)])),
            await DirAsync("Docker schema 2 image", "tools/backup", new ImageSpec(ImageKind.Docker, 14, new LayerSpec(14, 2 * MiB), new LayerSpec(15, 64_000))),
        ];
        if (docker is not null)
        {
            var host = sites.Primary.Registry.Host;
            await docker.LoginAsync(host, TwoSites.Client, cancellationToken);
            await docker.ImportAsync($"{host}/tools/imported:1.0", new LayerSpec(16, MiB), cancellationToken);
            images.Add(new DemoImage("Docker engine's image, by docker push", "tools/imported", "1.0", token => docker.PushAsync($"{host}/tools/imported:1.0", token)));
        }

        return images;

        async Task<DemoImage> OciAsync(string what, string repository, ImageSpec spec)
        {
            var path = Path.Combine(directory, repository.Replace('/', '-'));
            await ImageLayout.WriteOciAsync(path, "1.0", spec);
            return BySkopeo(what, repository, $"oci:{path}:1.0");
        }

        async Task<DemoImage> DirAsync(string what, string repository, ImageSpec spec)
        {
            var path = Path.Combine(directory, repository.Replace('/', '-'));
            await ImageLayout.WriteDirAsync(path, spec);
            return BySkopeo(what, repository, $"dir:{path}");
        }

        DemoImage BySkopeo(string what, string repository, string source) => new(
            what + ", by skopeo",
            repository,
            "1.0",
            token => Skopeo.CopyAsync(source, $"docker://{sites.Primary.Registry.Host}/{repository}:1.0", destinationUser: TwoSites.Client, cancellationToken: token));
    }
}
