using System.Text.RegularExpressions;

namespace GeoDR.Lab.Registries;

/// <summary>What a request is about; the request counters are kept by it.</summary>
public enum RequestKind { Other, Ping, Token, Catalog, Tags, Referrers, Manifest, Blob, Upload, Redirected }

/// <summary>The parts of a path of the distribution API. Repository names hold slashes, so the known endings are matched instead.</summary>
sealed partial record RegistryRoute(RequestKind Kind, string Repository, string Reference)
{
    public static RegistryRoute Parse(string path)
    {
        if (path is "/v2/" or "/v2")
        {
            return new(RequestKind.Ping, "", "");
        }

        if (path is "/v2/_catalog" or "/token")
        {
            return new(path == "/token" ? RequestKind.Token : RequestKind.Catalog, "", "");
        }

        var match = Pattern().Match(path);
        if (!match.Success)
        {
            return new(RequestKind.Other, "", "");
        }

        var kind = match.Groups["what"].Value switch
        {
            "tags/list" => RequestKind.Tags,
            "manifests/" => RequestKind.Manifest,
            "referrers/" => RequestKind.Referrers,
            "blobs/" => RequestKind.Blob,
            _ => RequestKind.Upload,
        };
        return new(kind, match.Groups["name"].Value, match.Groups["ref"].Value);
    }

    // The repository name's grammar is that of the distribution specification ("Pulling manifests").
    [GeneratedRegex(@"^/v2/(?<name>[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)/"
        + @"(?:(?<what>tags/list)|(?<what>blobs/uploads/?)(?<ref>[^/]*)|(?<what>manifests/|blobs/|referrers/)(?<ref>[^/]+))$",
        RegexOptions.ExplicitCapture)]
    private static partial Regex Pattern();
}
