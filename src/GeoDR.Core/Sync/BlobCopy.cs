using System.Collections.Concurrent;
using GeoDR.Registry;

namespace GeoDR.Sync;

/// <summary>
/// Sees to it that the own registry has a blob: nothing where it is known to be there, a mount where another repository has it,
/// else a copy. A blob that another job is copying is waited for and then mounted.
/// </summary>
public sealed class BlobCopy(
    RegistryClient source, RegistryClient target, BlobMemory memory, LargeUpload large, TransferRate rate, Bandwidth bandwidth, TimeProvider time)
{
    // Below this a restart costs little; above it, or where the wire is slow, an upload in parts is worth its price
    // (docs/decisions/0004).
    private const long LargeBytes = 512L * 1024 * 1024;
    private const long SmallBytes = 16L * 1024 * 1024;
    private static readonly TimeSpan s_slow = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<(string? Repository, Digest Digest), Task> _underWay = new();

    public async Task EnsureAsync(string repository, Descriptor blob, SyncProgress progress, CancellationToken cancel)
    {
        while (!memory.Has(repository, blob.Digest))
        {
            var from = memory.MountSource(repository, blob.Digest);
            // One copy for all repositories, one mount for each.
            var work = (from is null ? null : repository, blob.Digest);
            var mine = new TaskCompletionSource();
            var others = _underWay.GetOrAdd(work, mine.Task);
            if (others != mine.Task)
            {
                await others.WaitAsync(cancel);
                continue;
            }
            try
            {
                if (from is not null)
                    await MountAsync(repository, blob, from, progress, cancel);
                else if (!memory.IsDistrusted(repository, blob.Digest) && memory.MayHold(repository) && await target.HasBlobAsync(repository, blob.Digest, cancel))
                    memory.Remember(repository, blob.Digest);
                else
                    await CopyAsync(repository, blob, null, progress, cancel);
                return;
            }
            finally
            {
                _underWay.TryRemove(new(work, mine.Task));
                // Whatever became of it: who waited looks again.
                mine.SetResult();
            }
        }
    }

    private async Task MountAsync(string repository, Descriptor blob, string from, SyncProgress progress, CancellationToken cancel)
    {
        if (await target.StartUploadAsync(repository, (blob.Digest, from), cancel) is not { } upload)
        {
            memory.Remember(repository, blob.Digest);
            return;
        }
        memory.Forget(from, blob.Digest);
        await CopyAsync(repository, blob, upload, progress, cancel);
    }

    private async Task CopyAsync(string repository, Descriptor blob, BlobUpload? upload, SyncProgress progress, CancellationToken cancel)
    {
        progress.Found(Math.Max(0, blob.Size));
        if (IsLarge(blob.Size))
            await large.CopyAsync(repository, blob, upload, OnRead, cancel);
        else
            await StreamAsync(repository, blob, upload, OnRead, cancel);
        memory.Remember(repository, blob.Digest);

        ValueTask OnRead(int bytes, CancellationToken stop)
        {
            progress.Read(bytes);
            return bandwidth.TakeAsync(bytes, stop);
        }
    }

    private bool IsLarge(long size) =>
        size > LargeBytes || size > SmallBytes && rate.BytesPerSecond is { } known && size / known > s_slow.TotalSeconds;

    private async Task StreamAsync(
        string repository, Descriptor blob, BlobUpload? begun, Func<int, CancellationToken, ValueTask> onRead, CancellationToken cancel)
    {
        var started = time.GetTimestamp();
        var upload = begun;
        try
        {
            await using var reader = new BlobReader(source, repository, blob.Digest, 0, time);
            var length = await reader.OpenAsync(cancel);
            upload ??= (await target.StartUploadAsync(repository, null, cancel))!;
            using var body = new VerifiedBlobContent(reader, blob.Digest, blob.Size, length, onRead);
            await target.CompleteUploadAsync(upload, blob.Digest, body, cancel);
            rate.Measured(reader.Offset, time.GetElapsedTime(started));
        }
        catch when (upload is not null)
        {
            // What was begun is not left behind; a registry that is away cannot be told.
            await CancelQuietlyAsync(upload);
            throw;
        }
    }

    private async Task CancelQuietlyAsync(BlobUpload upload)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2), time);
        try
        {
            await target.CancelUploadAsync(upload, limit.Token);
        }
        catch (Exception e) when (e is RegistryException or OperationCanceledException)
        {
        }
    }
}
