using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace GeoDR.Secrets;

/// <summary>A secret in files, to whoever watches them.</summary>
public interface ISecretFile
{
    /// <summary>The setting that names the file.</summary>
    string Key { get; }

    /// <summary>Why what the files hold now does not count, in words without any of it; null while it does.</summary>
    string? Fault { get; }

    /// <summary>How often other content was taken.</summary>
    int Changes { get; }

    /// <summary>Takes what the files hold now, where that changed and can be used.</summary>
    void Look();
}

/// <summary>
/// A secret as it is now: given once, or in files that are looked at again whenever it is used, each second at most. What cannot be read or
/// understood changes nothing: the value before it counts. As text it says nothing.
/// </summary>
public sealed class Secret<T> : ISecretFile
    where T : class
{
    private static readonly TimeSpan s_between = TimeSpan.FromSeconds(1);
    // A file that was written just now may be half written. A password cut in two looks like a password.
    private static readonly TimeSpan s_settled = TimeSpan.FromSeconds(1);

    private readonly IReadOnlyList<string> _files;
    private readonly Func<T>? _read;
    private readonly TimeProvider _time;
    private readonly Lock _one = new();
    private volatile T? _value;
    private string? _taken;
    private string? _refused;
    private long _lookedAt;

    public Secret(T value) => (_files, _value, _time, Key) = ([], value, TimeProvider.System, "");

    /// <param name="key">The setting that names the files.</param>
    /// <param name="read">Throws where they hold nothing that can be used; its message is shown.</param>
    public Secret(string key, IReadOnlyList<string> files, Func<T> read, TimeProvider? time = null) =>
        (Key, _files, _read, _time) = (key, files, read, time ?? TimeProvider.System);

    public string Key { get; }

    public string? Fault { get; private set; }

    public int Changes { get; private set; }

    public bool IsInFile => _read is not null;

    /// <summary>What counts now. The first reading throws what is wrong with the files; a later one does not.</summary>
    public T Value
    {
        get
        {
            if (_value is null)
                First();
            else if (_read is not null && _time.GetElapsedTime(Volatile.Read(ref _lookedAt)) >= s_between)
                Look();
            return _value!;
        }
    }

    [return: NotNullIfNotNull(nameof(value))]
    public static implicit operator Secret<T>?(T? value) => value is null ? null : new(value);

    public void Look()
    {
        // Whoever comes meanwhile uses what counted until now.
        if (_read is null || !_one.TryEnter())
            return;
        string? found = null;
        try
        {
            Volatile.Write(ref _lookedAt, _time.GetTimestamp());
            found = Stamp(settled: true);
            if (found is null || found == _refused)
                return;
            if (found != _taken)
            {
                var value = _read();
                // Written again while it was read.
                if (Stamp(settled: true) != found)
                    return;
                Changes += _value is null ? 0 : 1;
                (_value, _taken) = (value, found);
            }
            (_refused, Fault) = (null, null);
        }
        // A use of the value that counts must not fail for whatever came after it.
        catch (Exception e)
        {
            (_refused, Fault) = (found, e.Message);
        }
        finally
        {
            _one.Exit();
        }
    }

    public override string ToString() => "set";

    private void First()
    {
        lock (_one)
        {
            if (_value is not null)
                return;
            Volatile.Write(ref _lookedAt, _time.GetTimestamp());
            var found = Stamp(settled: false);
            (_value, _taken) = (_read!(), found);
        }
    }

    /// <summary>The hash of all content; null where one of the files is too young to be trusted.</summary>
    private string? Stamp(bool settled)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in _files)
        {
            using var handle = File.OpenHandle(file, share: FileShare.ReadWrite | FileShare.Delete);
            // By the handle: a mounted secret is a link to a link, and only what it leads to has the time.
            var age = _time.GetUtcNow() - File.GetLastWriteTimeUtc(handle);
            if (settled && age >= TimeSpan.Zero && age < s_settled)
                return null;
            using var stream = new FileStream(handle, FileAccess.Read);
            hash.AppendData(SHA256.HashData(stream));
        }
        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
