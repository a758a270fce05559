using System.Buffers.Binary;
using System.Text;

namespace GeoDR.Lab;

/// <summary>
/// As much of MessagePack (the msgpack specification) as the messages of a Blazor circuit need, framed as SignalR's hub protocol says
/// (HubProtocol.md, "MessagePack encoding": each message behind its length).
/// </summary>
internal static class BlazorPack
{
    /// <summary>What a browser sends so that the server knows that it is there.</summary>
    public static byte[] Ping { get; } = [2, 0x91, 6];

    /// <summary>A call of the hub: [1, headers, invocation, target, arguments, streams].</summary>
    public static byte[] Invocation(string? id, string target, params object?[] arguments)
    {
        using var body = new MemoryStream();
        body.Write([0x96, 1, 0x80]);
        Write(body, id);
        Write(body, target);
        body.WriteByte((byte)(0x90 | arguments.Length));
        foreach (var argument in arguments)
        {
            Write(body, argument);
        }

        body.WriteByte(0x90);
        using var framed = new MemoryStream();
        for (var left = (uint)body.Length; ; left >>= 7)
        {
            framed.WriteByte((byte)(left < 0x80 ? left : (left & 0x7f) | 0x80));
            if (left < 0x80)
            {
                break;
            }
        }

        body.WriteTo(framed);
        return framed.ToArray();
    }

    /// <summary>Every message of a frame; each is an array.</summary>
    public static IEnumerable<object?[]> Messages(ReadOnlyMemory<byte> frame)
    {
        for (var at = 0; at < frame.Length;)
        {
            var length = 0;
            for (var shift = 0; ; shift += 7)
            {
                var part = frame.Span[at++];
                length |= (part & 0x7f) << shift;
                if (part < 0x80)
                {
                    break;
                }
            }

            var from = 0;
            yield return (object?[])Read(frame.Slice(at, length).Span, ref from)!;
            at += length;
        }
    }

    private static void Write(MemoryStream to, object? value)
    {
        Span<byte> number = stackalloc byte[9];
        switch (value)
        {
            case null:
                to.WriteByte(0xc0);
                break;
            case bool yes:
                to.WriteByte((byte)(yes ? 0xc3 : 0xc2));
                break;
            case long n:
                number[0] = 0xd3;
                BinaryPrimitives.WriteInt64BigEndian(number[1..], n);
                to.Write(number);
                break;
            case string text:
                var bytes = Encoding.UTF8.GetBytes(text);
                number[0] = 0xdb;
                BinaryPrimitives.WriteInt32BigEndian(number[1..], bytes.Length);
                to.Write(number[..5]);
                to.Write(bytes);
                break;
            default:
                throw new ArgumentException($"{value.GetType()} is never sent", nameof(value));
        }
    }

    private static object? Read(ReadOnlySpan<byte> from, ref int at)
    {
        var head = from[at++];
        switch (head)
        {
            case < 0x80:
                return (long)head;
            case < 0x90:
                return Map(from, ref at, head & 0xf);
            case < 0xa0:
                return Array(from, ref at, head & 0xf);
            case < 0xc0:
                return Text(from, ref at, head & 0x1f);
            case >= 0xe0:
                return (long)(sbyte)head;
            case 0xc2 or 0xc3:
                return head == 0xc3;
            case 0xc4 or 0xc5 or 0xc6:
                return Bytes(from, ref at, Length(from, ref at, 1 << (head - 0xc4))).ToArray();
            case 0xca:
                return (double)BinaryPrimitives.ReadSingleBigEndian(Bytes(from, ref at, 4));
            case 0xcb:
                return BinaryPrimitives.ReadDoubleBigEndian(Bytes(from, ref at, 8));
            case >= 0xcc and <= 0xcf:
                return Number(Bytes(from, ref at, 1 << (head - 0xcc)), false);
            case >= 0xd0 and <= 0xd3:
                return Number(Bytes(from, ref at, 1 << (head - 0xd0)), true);
            case 0xd9 or 0xda or 0xdb:
                return Text(from, ref at, Length(from, ref at, 1 << (head - 0xd9)));
            case 0xdc or 0xdd:
                return Array(from, ref at, Length(from, ref at, 2 << (head - 0xdc)));
            case 0xde or 0xdf:
                return Map(from, ref at, Length(from, ref at, 2 << (head - 0xde)));
            default:
                return null;
        }
    }

    private static object?[] Array(ReadOnlySpan<byte> from, ref int at, int count)
    {
        var items = new object?[count];
        for (var i = 0; i < count; i++)
        {
            items[i] = Read(from, ref at);
        }

        return items;
    }

    // Headers: nothing of them is looked at.
    private static object? Map(ReadOnlySpan<byte> from, ref int at, int count)
    {
        Array(from, ref at, 2 * count);
        return null;
    }

    private static string Text(ReadOnlySpan<byte> from, ref int at, int length) => Encoding.UTF8.GetString(Bytes(from, ref at, length));

    private static int Length(ReadOnlySpan<byte> from, ref int at, int width) => (int)Number(Bytes(from, ref at, width), false);

    private static ReadOnlySpan<byte> Bytes(ReadOnlySpan<byte> from, ref int at, int length)
    {
        var bytes = from.Slice(at, length);
        at += length;
        return bytes;
    }

    private static long Number(ReadOnlySpan<byte> bytes, bool signed)
    {
        var number = signed && bytes[0] >= 0x80 ? -1L : 0;
        foreach (var part in bytes)
        {
            number = (number << 8) | part;
        }

        return number;
    }
}
