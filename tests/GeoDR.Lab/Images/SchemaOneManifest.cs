using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace GeoDR.Lab;

/// <summary>A signed Docker schema 1 manifest, as old clients pushed them: the payload, then its signature before the last brace.</summary>
public static class SchemaOneManifest
{
    public const string MediaType = "application/vnd.docker.distribution.manifest.v1+prettyjws";

    /// <summary>One layer for each digest, the newest first.</summary>
    public static byte[] Create(string repository, string tag, params IReadOnlyList<string> layers)
    {
        const string tail = "\n}";
        var history = layers.Select((_, n) => new JsonObject { ["v1Compatibility"] = $$"""{"id":"{{n:x64}}","created":"2024-01-01T00:00:00Z"}""" });
        var fields = new JsonObject
        {
            ["schemaVersion"] = 1,
            ["name"] = repository,
            ["tag"] = tag,
            ["architecture"] = "amd64",
            ["fsLayers"] = new JsonArray([.. layers.Select(l => new JsonObject { ["blobSum"] = l })]),
            ["history"] = new JsonArray([.. history]),
        };
        var head = fields.ToJsonString()[..^1];
        var payload = head + tail;
        var header = new JsonObject
        {
            ["formatLength"] = Encoding.UTF8.GetByteCount(head),
            ["formatTail"] = Text(Encoding.UTF8.GetBytes(tail)),
            ["time"] = "2024-01-01T00:00:00Z",
        };
        var signed = Text(Encoding.UTF8.GetBytes(header.ToJsonString()));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = key.ExportParameters(false).Q;
        var signature = key.SignData(Encoding.ASCII.GetBytes($"{signed}.{Text(Encoding.UTF8.GetBytes(payload))}"), HashAlgorithmName.SHA256);
        var signatures = new JsonArray(new JsonObject
        {
            ["header"] = new JsonObject
            {
                ["jwk"] = new JsonObject { ["crv"] = "P-256", ["kty"] = "EC", ["x"] = Text(point.X!), ["y"] = Text(point.Y!) },
                ["alg"] = "ES256",
            },
            ["signature"] = Text(signature),
            ["protected"] = signed,
        });
        return Encoding.UTF8.GetBytes($"{head},\"signatures\":{signatures.ToJsonString()}{tail}");
    }

    private static string Text(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);
}
