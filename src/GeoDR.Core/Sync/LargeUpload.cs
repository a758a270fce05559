using System.Security.Cryptography;
using GeoDR.Registry;

namespace GeoDR.Sync;

/// <summary>
/// Uploads a large blob in parts and remembers after each where it stands, so that neither a cut at the target nor a restart
/// begins again where the registry can go on. Each part is read whole before it is sent: a restart that falls into the reading
/// loses nothing even at registries that give up an upload whose part was cut (Distribution 2.8).
/// </summary>
public sealed class LargeUpload(RegistryClient source, RegistryClient target, UploadStore uploads, ISyncJournal journal, TimeProvider time) : IDisposable
{
    private const int PartBytes = 2 * 1024 * 1024;
    // Memory is parts × their size, whatever the number of workers.
    private const int PartsAtOnce = 32;
    // A cut in every part that was sent: the upload does not get on.
    private const int MaxBarren = 5;

    private readonly SemaphoreSlim _parts = new(PartsAtOnce);

    public void Dispose() => _parts.Dispose();

    /// <summary>One upload under way.</summary>
    /// <param name="Hash">Null where an earlier process read the beginning: then the registry's own check at commit decides.</param>
    private sealed record Session(BlobUpload Upload, long Offset, IncrementalHash? Hash);

    /// <param name="fresh">An upload begun already, or null.</param>
    public async Task CopyAsync(
        string repository, Descriptor blob, BlobUpload? fresh, Func<int, CancellationToken, ValueTask> onRead, CancellationToken cancel)
    {
        await _parts.WaitAsync(cancel);
        try
        {
            var session = fresh is null ? await ContinueAsync(repository, blob, cancel) : new(fresh, 0, blob.Digest.NewHash());
            session ??= await BeginAsync(repository, blob, cancel);
            try
            {
                await SendAsync(repository, blob, session, onRead, cancel);
            }
            catch (UploadLostException e)
            {
                // The registry cannot go on: from the beginning, once.
                journal.BeganAgain(repository, blob.Digest, e.Offset, e.Cause.Message);
                await uploads.ForgetAsync(repository, blob.Digest, cancel);
                await StartOverAsync(repository, blob, onRead, cancel);
            }
            await uploads.ForgetAsync(repository, blob.Digest, CancellationToken.None);
        }
        finally
        {
            _parts.Release();
        }
    }

    private async Task StartOverAsync(string repository, Descriptor blob, Func<int, CancellationToken, ValueTask> onRead, CancellationToken cancel)
    {
        try
        {
            await SendAsync(repository, blob, await BeginAsync(repository, blob, cancel), onRead, cancel);
        }
        catch (UploadLostException e)
        {
            await uploads.ForgetAsync(repository, blob.Digest, cancel);
            throw e.Cause;
        }
    }

    private async Task<Session> BeginAsync(string repository, Descriptor blob, CancellationToken cancel) =>
        new((await target.StartUploadAsync(repository, null, cancel))!, 0, blob.Digest.NewHash());

    private async Task<Session?> ContinueAsync(string repository, Descriptor blob, CancellationToken cancel)
    {
        if (await uploads.FindAsync(repository, blob.Digest, cancel) is not { } kept)
            return null;
        var upload = target.ResumeUpload(repository, new Uri(kept.Location));
        return await target.UploadStatusAsync(upload, cancel) is { } status && status.Offset <= blob.Size
            ? new(status.Upload, status.Offset, null)
            : Lost();

        Session? Lost()
        {
            journal.BeganAgain(repository, blob.Digest, kept.Sent, "the own registry does not know the upload any more");
            return null;
        }
    }

    private async Task SendAsync(string repository, Descriptor blob, Session session, Func<int, CancellationToken, ValueTask> onRead, CancellationToken cancel)
    {
        var (upload, offset, hash) = session;
        var part = new byte[PartBytes];
        await using var reader = new BlobReader(source, repository, blob.Digest, offset, time);
        var barren = 0;
        while (offset < blob.Size)
        {
            var length = await FillAsync(reader, part, onRead, cancel);
            if (length == 0)
                throw new WrongContentException($"the primary served {offset} bytes for the blob {blob.Digest} of {blob.Size} bytes");
            hash?.AppendData(part, 0, length);
            var sent = 0;
            while (sent < length)
            {
                try
                {
                    upload = await target.AppendAsync(upload, part.AsMemory(sent, length - sent), offset, cancel);
                    offset += length - sent;
                    sent = length;
                    barren = 0;
                }
                catch (RegistryException e) when (e.IsUnreachable && barren++ < MaxBarren)
                {
                    // How much of the part arrived is the registry's to say.
                    await Task.Delay(TimeSpan.FromMilliseconds(100 << barren), time, cancel);
                    if (await target.UploadStatusAsync(upload, cancel) is not { } status || status.Offset < offset || status.Offset > offset + length - sent)
                        throw new UploadLostException(offset, e);
                    sent += (int)(status.Offset - offset);
                    (upload, offset) = status;
                }
                catch (RegistryException e) when ((int?)e.Status is 400 or 404 or 416)
                {
                    throw new UploadLostException(offset, e);
                }
            }
            await uploads.KeepAsync(repository, blob.Digest, upload.Location, offset, cancel);
        }
        if (hash is not null && Convert.ToHexStringLower(hash.GetHashAndReset()) is var found && found != blob.Digest.Hex)
        {
            await uploads.ForgetAsync(repository, blob.Digest, cancel);
            await target.CancelUploadAsync(upload, cancel);
            throw new WrongContentException($"the primary served {offset} bytes with {blob.Digest.Algorithm}:{found} for the blob {blob.Digest}");
        }
        try
        {
            await target.CompleteUploadAsync(upload, blob.Digest, new ByteArrayContent([]), cancel);
        }
        catch (RegistryException e) when ((int?)e.Status is 400 or 404 or 416 && hash is null)
        {
            // What an earlier process sent is not what the digest says.
            throw new UploadLostException(offset, e);
        }
    }

    private static async Task<int> FillAsync(BlobReader reader, byte[] part, Func<int, CancellationToken, ValueTask> onRead, CancellationToken cancel)
    {
        var filled = 0;
        while (filled < part.Length && await reader.ReadAsync(part.AsMemory(filled), cancel) is > 0 and var read)
        {
            filled += read;
            await onRead(read, cancel);
        }
        return filled;
    }

    private sealed class UploadLostException(long offset, RegistryException cause) : Exception($"the upload cannot go on: {cause.Message}", cause)
    {
        public long Offset => offset;

        public RegistryException Cause => cause;
    }
}
