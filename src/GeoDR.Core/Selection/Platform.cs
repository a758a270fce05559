using System.Diagnostics.CodeAnalysis;

namespace GeoDR.Selection;

/// <summary>An entry of an index runs on this: "linux/amd64", "linux/arm/v7" (OCI image specification, "Image Index Property Descriptions").</summary>
/// <param name="Variant">Null: any.</param>
public sealed record Platform(string Os, string Architecture, string? Variant)
{
    public static bool TryParse(string text, [NotNullWhen(true)] out Platform? platform)
    {
        var parts = text.Split('/');
        platform = parts.Length is 2 or 3 && parts.All(p => p.Length > 0 && p.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-'))
            ? new(parts[0], parts[1], parts.Length == 3 ? parts[2] : null) : null;
        return platform is not null;
    }

    public bool Matches(Platform other) =>
        Os == other.Os && Architecture == other.Architecture && (Variant is null || Variant == other.Variant);

    public override string ToString() => Variant is null ? $"{Os}/{Architecture}" : $"{Os}/{Architecture}/{Variant}";
}
