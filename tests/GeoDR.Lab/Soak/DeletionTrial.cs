using System.Diagnostics;
using System.Text;
using System.Text.Json;
using GeoDR.Lab.Faults;
using GeoDR.Lab.Registries;

namespace GeoDR.Lab;

/// <summary>One case of a trial: what happened at the primary, and what came of it at the secondary.</summary>
/// <param name="Deleted">At the secondary, with how, as its audit log says.</param>
/// <param name="Seconds">From the first act, at the primary or of the operator, until the last of the tags was gone.</param>
/// <param name="Left">The repository's tags at the secondary afterwards.</param>
public sealed record DeletionResult(string Case, string Deleted, double Seconds, string Left);

/// <summary>
/// Two sites of which the primary's registry, behind a proxy that lies on demand, deletes in every way: what is deleted at the secondary, how, and
/// when. Both registries are Debian's, which delete by digest alone, or both the lab's, which delete by tag.
/// </summary>
public sealed class DeletionTrial : IAsyncDisposable
{
    /// <summary><c>Geo:Deletion:ConfirmAfter</c>; there is no quarantine.</summary>
    public static readonly TimeSpan ConfirmAfter = TimeSpan.FromMilliseconds(500);

    /// <summary><c>Geo:Deletion:Brake</c>, in tags an hour.</summary>
    public const int Brake = 60;

    private static readonly TimeSpan s_deadline = TimeSpan.FromSeconds(40);

    private readonly List<IAsyncDisposable> _parts = [];
    private readonly bool _byTag;
    private TwoSites _sites = null!;
    private HttpFaultProxy _proxy = null!;
    private RegistryClient _source = null!;
    private RegistryClient _target = null!;
    private RegistryPusher _pusher = null!;
    private int _seed = 1;

    private DeletionTrial(bool byTag) => _byTag = byTag;

    public static async Task<DeletionTrial> StartAsync(bool byTag, CancellationToken cancel)
    {
        var trial = new DeletionTrial(byTag);
        await trial.StartPartsAsync(cancel);
        return trial;
    }

    public async ValueTask DisposeAsync()
    {
        _parts.Reverse();
        foreach (var part in _parts)
        {
            await part.DisposeAsync();
        }
    }

    /// <param name="only">Of the cases' names; null for all.</param>
    /// <exception cref="LabException">Something was deleted that had to stay, or stayed that had to go.</exception>
    public async IAsyncEnumerable<DeletionResult> RunAsync(string? only, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        // So that the catalog always names another repository.
        await PushAsync("other", "v1", cancel);
        foreach (var (name, run) in Cases().Where(c => only is null || c.Name.Contains(only, StringComparison.OrdinalIgnoreCase)))
        {
            yield return await run(name, cancel);
        }
    }

    private IEnumerable<(string Name, Func<string, CancellationToken, Task<DeletionResult>> Run)> Cases() =>
    [
        ("one tag", OneTagAsync), ("all tags, each told by an event", AllTagsAsync), ("a tag whose digest another tag shares", MovedTagAsync),
        ("a tag of an index's child", IndexChildAsync), ("a tag of a subject", SubjectAsync),
        .. Faults().Select(f => (f.Name, (Func<string, CancellationToken, Task<DeletionResult>>)((name, cancel) => UnderFaultAsync(name, f.Rule, f.Last, cancel)))),
        ("a whole repository, told by no event: held; an operator releases it", RepositoryAsync),
        ($"{Brake + 20} of {Brake + 21} tags at once: the brake ({Brake}) holds all; an operator releases them", MassAsync),
    ];

    private async Task<DeletionResult> OneTagAsync(string name, CancellationToken cancel)
    {
        var (gone, _) = (await PushAsync("one", "gone", cancel), await PushAsync("one", "stays", cancel));
        return await GoneAsync(name, "one", ["gone"], ["stays"], () => DeleteAsync(gone, cancel), cancel);
    }

    private async Task<DeletionResult> AllTagsAsync(string name, CancellationToken cancel)
    {
        var images = new[] { await PushAsync("all", "v1", cancel), await PushAsync("all", "v2", cancel) };
        return await GoneAsync(name, "all", ["v1", "v2"], [], async () =>
        {
            foreach (var image in images)
            {
                await DeleteAsync(image, cancel);
            }
        }, cancel);
    }

    private async Task<DeletionResult> MovedTagAsync(string name, CancellationToken cancel)
    {
        var image = await PushAsync("moved", "v1", cancel);
        await TagAsync(image, "latest", cancel);
        var result = await GoneAsync(name, "moved", ["v1"], ["latest"], () => UntagAsync(image, cancel), cancel);
        return await HasAsync(result, "moved", image.Digest, cancel);
    }

    private async Task<DeletionResult> IndexChildAsync(string name, CancellationToken cancel)
    {
        var index = await PushAsync("index", "multi", cancel, ImageKind.OciIndex);
        var child = index with { Tag = "amd64", Digest = index.Manifests[0] };
        await TagAsync(child, "amd64", cancel);
        var result = await GoneAsync(name, "index", ["amd64"], ["multi"], () => UntagAsync(child, cancel), cancel);
        return await HasAsync(result, "index", child.Digest, cancel);
    }

    private async Task<DeletionResult> SubjectAsync(string name, CancellationToken cancel)
    {
        var subject = await PushAsync("subject", "signed", cancel);
        var manifest = (await _source.GetManifestAsync("subject", subject.Digest, cancel))!;
        var signature = System.Text.Json.Nodes.JsonNode.Parse(manifest.Bytes)!.AsObject();
        signature["artifactType"] = "application/example.signature";
        signature["subject"] = new System.Text.Json.Nodes.JsonObject { ["mediaType"] = manifest.MediaType, ["digest"] = subject.Digest, ["size"] = manifest.Bytes.Length };
        await _pusher.PutManifestAsync("subject", "signature", manifest.MediaType, Encoding.UTF8.GetBytes(signature.ToJsonString()), cancel);
        await ArrivedAsync("subject", "signature", cancel);
        var result = await GoneAsync(name, "subject", ["signed"], ["signature"], () => UntagAsync(subject, cancel), cancel);
        return await HasAsync(result, "subject", subject.Digest, cancel);
    }

    private static IEnumerable<(string Name, Func<string, HttpFaultRule> Rule, bool Last)> Faults()
    {
        var catalogs = new (string, Func<string, HttpFaultRule>)[]
        {
            ("empty", p => new() { Path = p, Status = 200, Body = """{"repositories":[]}""" }), ("404", p => new() { Path = p, Status = 404 }),
            ("500", p => new() { Path = p, Status = 500 }), ("half a page", p => new() { Path = p, CutResponseAfter = 20 }),
        };
        foreach (var (name, rule) in catalogs)
        {
            yield return ($"the last tag, the catalog answers {name}", _ => rule("/_catalog"), true);
        }

        var lists = catalogs[1..].Prepend(("empty", p => new() { Path = p, Status = 200, Body = """{"name":"x","tags":[]}""" }));
        foreach (var (name, rule) in lists)
        {
            yield return ($"one of two tags, the tags' list answers {name}", r => rule($"/v2/{r}/tags/list"), false);
        }

        var refused = new Dictionary<string, string> { ["WWW-Authenticate"] = "Bearer realm=\"http://127.0.0.1/token\",service=\"x\",error=\"insufficient_scope\"" };
        yield return ("one of two tags, the token lost its right: 401", r => new() { Path = $"/v2/{r}/", Status = 401, Headers = refused }, false);
        yield return ("one of two tags, the token lost its right: 404 for everything", r => new() { Path = $"/v2/{r}/", Status = 404 }, false);
    }

    /// <summary>While the registry lies nothing is deleted, not even what was deleted there; when it tells the truth again, that goes.</summary>
    private async Task<DeletionResult> UnderFaultAsync(string name, Func<string, HttpFaultRule> fault, bool last, CancellationToken cancel)
    {
        var repository = $"fault/{_seed}";
        var gone = await PushAsync(repository, "gone", cancel);
        string[] stays = last ? [] : ["stays"];
        foreach (var tag in stays)
        {
            await PushAsync(repository, tag, cancel);
        }

        var rule = _proxy.Add(fault(repository));
        await DeleteAsync(gone, cancel);
        // A full sync meets the lie too, and ends in whatever way.
        await _sites.Secondary.Geo.RunAsync(["resync", "--repository", repository], null, cancel);
        await Wait.UntilAsync(() => rule.Hits >= 4, s_deadline, () => $"{name}: the secondary asked {rule.Hits} times\n{Log()}", cancel);
        var meanwhile = await _target.ListTagsAsync(repository, cancel);
        if (meanwhile.Count != stays.Length + 1)
        {
            throw new LabException($"{name}: deleted while the primary's registry lied; {string.Join(' ', meanwhile)} are left\n{Log()}");
        }

        return await GoneAsync($"{name}; then well again", repository, ["gone"], stays, async () =>
        {
            _proxy.Clear();
            (await _sites.Secondary.Geo.RunAsync(["resync", "--repository", repository], null, cancel)).EnsureSuccess();
        }, cancel);
    }

    private async Task<DeletionResult> RepositoryAsync(string name, CancellationToken cancel)
    {
        foreach (var tag in new[] { "v1", "v2" })
        {
            await PushAsync("repository", tag, cancel);
        }

        // As where it was removed from the storage: no event tells of it.
        _proxy.Add(new HttpFaultRule { Path = "/v2/repository/", Status = 404 });
        await _sites.Secondary.Geo.RunAsync(["resync", "--repository", "repository"], null, cancel);
        await HeldAsync("repository", 2, cancel);
        return await GoneAsync(name, "repository", ["v1", "v2"], [], async () =>
            (await _sites.Secondary.Geo.RunAsync(["deletions", "release", "--repository", "repository"], null, cancel)).EnsureSuccess(), cancel);
    }

    private async Task<DeletionResult> MassAsync(string name, CancellationToken cancel)
    {
        var images = new List<PushedImage>();
        for (var n = 0; n < Brake + 20; n++)
        {
            images.Add(await PushAsync("mass", $"v{n:00}", cancel, arrive: false));
        }

        var stays = await PushAsync("mass", "stays", cancel);
        foreach (var image in images)
        {
            await ArrivedAsync("mass", image.Tag!, cancel);
        }

        // Known all at once, so that none slips through before the brake sees the others.
        (await _sites.Secondary.Geo.RunAsync(["pause"], null, cancel)).EnsureSuccess();
        foreach (var image in images)
        {
            await DeleteAsync(image, cancel);
        }

        await WaitingAsync("mass", images.Count, d => true, cancel);
        (await _sites.Secondary.Geo.RunAsync(["resume"], null, cancel)).EnsureSuccess();
        await HeldAsync("mass", images.Count, cancel);
        if ((await _target.ListTagsAsync("mass", cancel)).Count != images.Count + 1)
        {
            throw new LabException($"the brake let some of a mass deletion through\n{Log()}");
        }

        return await GoneAsync(name, "mass", [.. images.Select(i => i.Tag!)], [stays.Tag!], async () =>
            (await _sites.Secondary.Geo.RunAsync(["deletions", "release", "--all"], null, cancel)).EnsureSuccess(), cancel);
    }

    /// <summary>Acts, waits until these tags are gone and no others, and says how the audit log tells it.</summary>
    private async Task<DeletionResult> GoneAsync(string name, string repository, string[] gone, string[] stays, Func<Task> act, CancellationToken cancel)
    {
        var acted = Stopwatch.GetTimestamp();
        await act();
        IReadOnlyList<string> left = [];
        await Wait.UntilAsync(
            async token => (left = await _target.ListTagsAsync(repository, token)).Count <= stays.Length, s_deadline,
            () => $"{name}: {string.Join(' ', left)} are still there\n{Log()}", cancel);
        var seconds = Stopwatch.GetElapsedTime(acted).TotalSeconds;
        if (!left.Order().SequenceEqual(stays.Order()))
        {
            throw new LabException($"{name}: {string.Join(' ', left)} are left, {string.Join(' ', stays)} had to be\n{Log()}");
        }

        var told = new List<JsonElement>();
        await Wait.UntilAsync(
            async token =>
            {
                told = [.. (await JsonAsync(["audit", "--repository", repository, "--limit", "1000", "--json"], token)).Where(e => Text(e, "what") == "deleted")];
                return gone.All(tag => told.Any(e => Text(e, "reference") == tag));
            },
            s_deadline, () => $"{name}: the audit log does not name all that was deleted\n{Log()}", cancel);
        var tags = told.Where(e => gone.Contains(Text(e, "reference"))).ToList();
        var others = told.Where(e => Text(e, "reference") is { } reference && stays.Contains(reference)).ToList();
        if (others.Count > 0)
        {
            throw new LabException($"{name}: the audit log says that {Text(others[0], "reference")} was deleted");
        }

        var how = string.Join("; ", tags.Select(e => $"{Text(e, "detail")}{(e.GetProperty("eventId").ValueKind == JsonValueKind.Null ? ", no event" : "")}, {Text(e, "who")}").Distinct());
        return new(name, $"{(gone.Length > 3 ? $"{gone.Length} tags" : string.Join(' ', gone))}: {how}", seconds, stays.Length == 0 ? "none" : string.Join(' ', stays));
    }

    private async Task<DeletionResult> HasAsync(DeletionResult result, string repository, string digest, CancellationToken cancel) =>
        await _target.ResolveAsync(repository, digest, cancel) == digest ? result with { Left = $"{result.Left}, and the manifest" }
            : throw new LabException($"{result.Case}: the manifest {digest} went with the tag\n{Log()}");

    private Task HeldAsync(string repository, int count, CancellationToken cancel) =>
        WaitingAsync(repository, count, d => Text(d, "state") == "held", cancel);

    private Task WaitingAsync(string repository, int tags, Func<JsonElement, bool> which, CancellationToken cancel) => Wait.UntilAsync(
        async token => (await JsonAsync(["deletions", "list", "--repository", repository, "--json"], token))
            .Count(d => !Text(d, "reference")!.Contains(':', StringComparison.Ordinal) && which(d)) == tags,
        s_deadline, () => $"not {tags} deletions of {repository} wait as they should\n{Log()}", cancel);

    private async Task<PushedImage> PushAsync(string repository, string tag, CancellationToken cancel, ImageKind kind = ImageKind.Oci, bool arrive = true)
    {
        var image = await _pusher.PushAsync(repository, tag, ImageSpec.Random(kind, 90_000 + _seed++, layers: 1, size: 500), cancel);
        if (arrive)
        {
            await ArrivedAsync(repository, tag, cancel);
        }

        return image;
    }

    private async Task TagAsync(PushedImage image, string tag, CancellationToken cancel)
    {
        await _pusher.TagAsync(image.Repository, image.Digest, tag, cancel);
        await ArrivedAsync(image.Repository, tag, cancel);
    }

    private Task ArrivedAsync(string repository, string tag, CancellationToken cancel) => Wait.UntilAsync(
        async token => await _target.ResolveAsync(repository, tag, token) is { } there && there == await _source.ResolveAsync(repository, tag, token),
        s_deadline, () => $"{repository}:{tag} did not arrive\n{Log()}", cancel);

    /// <summary>As a client would: by tag where the registry can, else by digest.</summary>
    private async Task DeleteAsync(PushedImage image, CancellationToken cancel)
    {
        if (!await _pusher.DeleteAsync(image.Repository, _byTag ? image.Tag! : image.Digest, cancel))
        {
            throw new LabException($"{image} was not there to be deleted");
        }
    }

    /// <summary>The tag alone: Debian's registry has no request for it, so its link goes from the storage, and a full sync finds that.</summary>
    private async Task UntagAsync(PushedImage image, CancellationToken cancel)
    {
        if (_byTag)
        {
            await DeleteAsync(image, cancel);
            return;
        }

        Directory.Delete(
            Path.Combine(_sites.Primary.Registry.StorageDirectory, "docker/registry/v2/repositories", image.Repository, "_manifests/tags", image.Tag!), recursive: true);
        (await _sites.Secondary.Geo.RunAsync(["resync", "--repository", image.Repository], null, cancel)).EnsureSuccess();
    }

    private async Task<IReadOnlyList<JsonElement>> JsonAsync(string[] arguments, CancellationToken cancel) =>
        [.. JsonDocument.Parse((await _sites.Secondary.Geo.RunAsync(arguments, null, cancel)).EnsureSuccess().Output).RootElement.EnumerateArray()];

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();

    private string Log() => $"{_sites.Secondary.Geo.RunAsync("deletions", "list").GetAwaiter().GetResult().Output}\n{_sites.Secondary.Geo.Serve?.LogTail(30)}";

    private async Task StartPartsAsync(CancellationToken cancel)
    {
        var port = Ports.Free();
        var source = _byTag ? await LabAsync(new Uri($"http://127.0.0.1:{port}/api/v4/container_registry_event/events")) : null;
        var target = _byTag ? await LabAsync(null) : null;
        HttpFaultProxy? proxy = null;
        _sites = Keep(await TwoSites.StartAsync(
            new TwoSitesOptions
            {
                CreateAdmin = false,
                WorkerProcesses = 1,
                PortsByName = new Dictionary<string, int> { [TwoSites.PrimaryName] = port },
                Links = async links =>
                {
                    proxy = await HttpFaultProxy.StartAsync(source?.Url ?? links.PrimaryRegistry);
                    return links with
                    {
                        PrimaryRegistry = source?.Url ?? links.PrimaryRegistry, SecondaryRegistry = target?.Url ?? links.SecondaryRegistry, PrimaryRegistryFromSecondary = proxy.Url,
                    };
                },
                Configure = site =>
                {
                    if (site.Name == TwoSites.SecondaryName)
                    {
                        site.Set("Deletion:Quarantine", "none").Set("Deletion:ConfirmAfter", $"{ConfirmAfter.TotalMilliseconds}ms").Set("Deletion:Brake", $"{Brake}");
                    }
                },
            },
            cancel));
        _proxy = Keep(proxy!);
        _source = source is null ? _sites.Primary.Client : new RegistryClient(source.Url);
        _target = target is null ? _sites.Secondary.Client : new RegistryClient(target.Url);
        _pusher = source is null ? _sites.Primary.Pusher : new RegistryPusher(_source);
    }

    private async Task<LabRegistry> LabAsync(Uri? notifications) => Keep(await LabRegistry.StartAsync(new LabRegistryOptions
    {
        Notifications = notifications is null ? [] : [new LabNotificationEndpoint(notifications) { Authorization = "notifies-geodr" }],
    }));

    private T Keep<T>(T part)
        where T : IAsyncDisposable
    {
        _parts.Add(part);
        return part;
    }
}
