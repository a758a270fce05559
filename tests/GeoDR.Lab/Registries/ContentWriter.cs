using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace GeoDR.Lab.Registries;

/// <summary>Sends bytes, whole or a range of them, spoilt when the switches say so.</summary>
static class ContentWriter
{
    public static async Task SendAsync(HttpContext http, BlobContent content, Corruption corruption)
    {
        var response = http.Response;
        response.Headers.AcceptRanges = "bytes";
        var size = corruption == Corruption.Truncate ? content.Size / 2 : content.Size;
        var (first, length) = (0L, size);
        if (http.Request.Headers.Range.Count > 0 && Range(http.Request.Headers.Range.ToString(), size) is { } range)
        {
            if (range.Length == 0)
            {
                response.StatusCode = 416;
                response.Headers.ContentRange = $"bytes */{size}";
                response.ContentLength = 0;
                return;
            }

            (first, length) = range;
            response.StatusCode = 206;
            response.Headers.ContentRange = $"bytes {first}-{first + length - 1}/{size}";
        }

        response.ContentLength = length;
        if (http.Request.Method == "HEAD")
        {
            return;
        }

        await using var source = content.OpenRead();
        source.Position = first;
        // Fewer bytes than announced: Kestrel then ends the connection, after the client got what was written. Abort() would
        // reset it, and the reset may overtake the bytes.
        await CopyAsync(source, http, corruption == Corruption.WrongLength ? length / 2 : length,
            flip: corruption == Corruption.FlipBit && first == 0);
    }

    static async Task CopyAsync(Stream source, HttpContext http, long length, bool flip)
    {
        var buffer = new byte[(int)Math.Clamp(length, 1, 1 << 17)];
        while (length > 0)
        {
            var read = await source.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, length)), http.RequestAborted);
            if (read == 0)
            {
                return;
            }

            if (flip)
            {
                buffer[0] ^= 1;
                flip = false;
            }

            await http.Response.Body.WriteAsync(buffer.AsMemory(0, read), http.RequestAborted);
            length -= read;
        }
    }

    /// <summary>Null: not a range that is understood, so the whole is sent (RFC 9110, 14.2). Length 0: not satisfiable.</summary>
    static (long First, long Length)? Range(string header, long size)
    {
        if (!RangeHeaderValue.TryParse(header, out var parsed) || parsed.Unit != "bytes" || parsed.Ranges.Count != 1)
        {
            return null;
        }

        var range = parsed.Ranges.First();
        if (range.From is not { } from)
        {
            var tail = Math.Min(range.To ?? 0, size);
            return (size - tail, tail);
        }

        return from >= size ? (0, 0) : (from, Math.Min(range.To ?? size - 1, size - 1) - from + 1);
    }
}
