namespace GeoDR.Sync;

/// <summary>How far one claim's work has come; written by many at once, read by whoever shows it.</summary>
public sealed class SyncProgress
{
    private long _done;
    private long _toDo;

    /// <summary>Bytes read from the primary so far.</summary>
    public long BytesDone => Interlocked.Read(ref _done);

    /// <summary>Bytes of the blobs that were found missing so far, those done among them.</summary>
    public long BytesToDo => Interlocked.Read(ref _toDo);

    public void Found(long bytes) => Interlocked.Add(ref _toDo, bytes);

    public void Read(long bytes) => Interlocked.Add(ref _done, bytes);
}
