using GeoDR.Registry;
using GeoDR.SyncState;

namespace GeoDR.Sync;

/// <summary>The peer is out: the work is handed back and no attempt burns.</summary>
public sealed class PeerOutException(string peer, Exception cause) : Exception($"the {peer} is out: {cause.Message}", cause)
{
    public string Peer => peer;
}

/// <summary>
/// Decides whether a registry is out, by asking it, never by one row: its API root, and a token for a repository that is
/// known to work. Credentials refused for two different repositories in a row are an outage of kind "refused".
/// </summary>
public sealed class PeerProbe(string peer, RegistryClient registry, Outages outages, TimeProvider time)
{
    private static readonly TimeSpan s_answerHolds = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _one = new(1, 1);
    private (string Kind, string Detail)? _answer;
    private long? _answeredAt;
    private string? _refusedFor;

    /// <summary>True for a failure that may be the peer's rather than the row's.</summary>
    public static bool Suspicious(RegistryException e) => e.IsUnreachable || e.IsRefused || (int?)e.Status >= 500;

    /// <summary>After a suspicious failure: records an outage if the peer's own answer says so.</summary>
    public async Task<bool> IsOutAsync(string repository, RegistryException failure, CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            if (_answeredAt is not { } at || time.GetElapsedTime(at) > s_answerHolds)
            {
                _answer = await AskAsync(repository, cancel);
                _answeredAt = time.GetTimestamp();
            }
            // Without a token nothing of the registry can be read, and there may be no known repository to see that by.
            if (_answer is null && failure.IsOfIssuer)
                _answer = (failure.IsRefused ? "refused" : "unreachable", failure.Message);
            if (_answer is null && failure.IsRefused)
                _answer = RefusedTwice(repository, failure);
            if (_answer is not { } found)
                return false;
            await outages.BeginAsync(peer, found.Kind, found.Detail, cancel);
            return true;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>A repository was read without complaint, so credentials are not refused in a row.</summary>
    public void Worked() => _refusedFor = null;

    /// <summary>Asks a peer that is out again, and ends the outage when it answers.</summary>
    public async Task<bool> TryEndAsync(CancellationToken cancel)
    {
        if (await AskAsync(null, cancel) is { } found)
        {
            await outages.BeginAsync(peer, found.Kind, found.Detail, cancel);
            return false;
        }
        _refusedFor = null;
        _answeredAt = null;
        await outages.EndAsync(peer, cancel);
        return true;
    }

    private async Task<(string Kind, string Detail)?> AskAsync(string? otherThan, CancellationToken cancel)
    {
        using var limit = new CancellationTokenSource(s_patience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        try
        {
            await registry.PingAsync(both.Token);
            if (await outages.KnownRepositoryAsync(otherThan, both.Token) is { } known)
                await foreach (var _ in registry.ListTagsAsync(known, both.Token))
                    break;
            return null;
        }
        catch (RegistryException e) when (e.IsRefused)
        {
            return ("refused", e.Message);
        }
        catch (RegistryException e) when (e.IsUnreachable || (int?)e.Status >= 500)
        {
            return ("unreachable", e.Message);
        }
        catch (RegistryException)
        {
            return null;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return ("unreachable", $"no answer within {s_patience.TotalSeconds:0} s");
        }
    }

    private (string, string)? RefusedTwice(string repository, RegistryException failure)
    {
        var before = _refusedFor;
        _refusedFor = repository;
        return before is not null && before != repository ? ("refused", failure.Message) : null;
    }
}
