using System.Runtime.InteropServices;

namespace GeoDR.Lab;

/// <summary>Bytes that follow from a seed: nothing is stored, and a layer of any size can be read as often as wanted. Not for secrets.</summary>
public sealed class RandomStream(long seed, long length) : Stream
{
    private readonly byte[] _block = new byte[64 * 1024];
    private ulong _state = ((ulong)seed * 0x9E3779B97F4A7C15) ^ 0xD1B54A32D192ED03;
    private int _used = 64 * 1024;
    private long _position;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position
    {
        get => _position;
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        if (_position >= length)
        {
            return 0;
        }

        if (_used == _block.Length)
        {
            Refill();
        }

        var count = (int)Math.Min(Math.Min(buffer.Length, _block.Length - _used), length - _position);
        _block.AsSpan(_used, count).CopyTo(buffer);
        _used += count;
        _position += count;
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(buffer.Span));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        Task.FromResult(Read(buffer.AsSpan(offset, count)));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <summary>SplitMix64: fast enough that hashing, not making, is what a big layer costs.</summary>
    private void Refill()
    {
        foreach (ref var word in MemoryMarshal.Cast<byte, ulong>(_block.AsSpan()))
        {
            _state += 0x9E3779B97F4A7C15;
            var z = _state;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            word = z ^ (z >> 31);
        }

        _used = 0;
    }
}
