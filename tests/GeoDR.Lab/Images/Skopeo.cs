namespace GeoDR.Lab;

/// <summary>The real skopeo, as people push with.</summary>
public static class Skopeo
{
    /// <summary>
    /// Copies between any two of skopeo's references (<c>oci:dir:name</c>, <c>dir:path</c>, <c>docker://host/repository:tag</c>), digests
    /// kept; an index with all its platforms.
    /// </summary>
    public static async Task CopyAsync(string source, string destination, BasicAuth? sourceUser = null, BasicAuth? destinationUser = null, CancellationToken cancellationToken = default)
    {
        List<string> arguments = ["copy", "--quiet", "--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"];
        if (sourceUser is not null)
        {
            arguments.AddRange(["--src-creds", $"{sourceUser.User}:{sourceUser.Password}"]);
        }

        if (destinationUser is not null)
        {
            arguments.AddRange(["--dest-creds", $"{destinationUser.User}:{destinationUser.Password}"]);
        }

        (await ManagedProcess.RunAsync("/usr/bin/skopeo", [.. arguments, source, destination], cancellationToken: cancellationToken)).EnsureSuccess();
    }
}
