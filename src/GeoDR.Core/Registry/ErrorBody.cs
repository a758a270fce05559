using System.Text.Json;

namespace GeoDR.Registry;

/// <summary>Reads a registry's error body, which may be anything.</summary>
internal static class ErrorBody
{
    private const int MaxBytes = 64 * 1024;
    private const int MaxText = 1024;

    public static async Task<IReadOnlyList<RegistryError>> ReadAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        try
        {
            var buffer = new byte[MaxBytes];
            await using var stream = await response.Content.ReadAsStreamAsync(cancel);
            var length = await stream.ReadAtLeastAsync(buffer, MaxBytes, throwOnEndOfStream: false, cancel);
            using var document = JsonDocument.Parse(buffer.AsMemory(0, length));
            return [.. document.RootElement.GetProperty("errors").EnumerateArray().Take(10).Select(e =>
                new RegistryError(Text(e, "code") ?? "UNKNOWN", Text(e, "message") ?? "", Text(e, "detail")))];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or IOException or HttpRequestException)
        {
            return [];
        }
    }

    private static string? Text(JsonElement error, string name)
    {
        if (!error.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
            return null;
        var text = value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();
        return new string([.. text.Take(MaxText).Where(c => !char.IsControl(c))]);
    }
}
