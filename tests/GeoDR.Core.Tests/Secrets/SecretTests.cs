using GeoDR.Lab;
using GeoDR.Secrets;

namespace GeoDR.Core.Tests.Secrets;

/// <summary>A secret in a file that others write while it is used.</summary>
public sealed class SecretTests : IAsyncDisposable
{
    private readonly LabDirectory _directory = LabDirectory.Create("secrets");
    private readonly LabRegistries.SettableClock _clock = new();
    private readonly string _file;

    public SecretTests() => _file = _directory.PathOf("password");

    [Fact]
    public void File_ThatChanges_CountsOnceItIsWhole()
    {
        Write("first");
        var secret = Of(_file);
        Assert.Equal("first", secret.Value);

        // Half of it is there, and was written just now.
        Write("seco", age: TimeSpan.FromSeconds(0.5));
        secret.Look();
        Assert.Equal(("first", null, 0), (secret.Value, secret.Fault, secret.Changes));
        Write("second", age: TimeSpan.FromSeconds(0.9));
        secret.Look();
        Assert.Equal("first", secret.Value);
        _clock.Now += TimeSpan.FromSeconds(0.2);
        secret.Look();
        Assert.Equal(("second", null, 1), (secret.Value, secret.Fault, secret.Changes));
    }

    [Theory]
    [InlineData("")]
    [InlineData("bad: hidden")]
    [InlineData(null)]
    public void File_ThatCannotBeUsed_ChangesNothing_AndIsSaidWithoutWhatItHolds(string? content)
    {
        Write("first");
        var secret = Of(_file);
        Assert.Equal("first", secret.Value);
        Write(content);
        secret.Look();
        secret.Look();
        Assert.Equal(("first", 0), (secret.Value, secret.Changes));
        Assert.NotNull(secret.Fault);
        Assert.DoesNotContain("hidden", secret.Fault, StringComparison.Ordinal);
        Assert.Contains(_file, secret.Fault, StringComparison.Ordinal);

        // What counted is there again, then the same fault, then another value.
        Write("first");
        secret.Look();
        Assert.Null(secret.Fault);
        Write(content);
        secret.Look();
        Assert.NotNull(secret.Fault);
        Write("second");
        secret.Look();
        Assert.Equal(("second", null, 1), (secret.Value, secret.Fault, secret.Changes));
    }

    [Fact]
    public void Link_ThatIsPutSomewhereElse_IsFollowed()
    {
        // As Kubernetes mounts secrets: the file is a link into a directory that is a link itself.
        foreach (var name in new[] { "one", "two" })
            Write(name, file: _directory.PathOf(name, "password"));
        var (data, link) = (_directory.PathOf("data"), _directory.PathOf("linked"));
        Directory.CreateSymbolicLink(data, _directory.PathOf("one"));
        File.CreateSymbolicLink(link, Path.Combine(data, "password"));
        var secret = Of(link);
        Assert.Equal("one", secret.Value);
        Directory.CreateSymbolicLink(data + "-new", _directory.PathOf("two"));
        File.Delete(data);
        Directory.Move(data + "-new", data);
        secret.Look();
        Assert.Equal("two", secret.Value);
    }

    [Fact]
    public void Secret_AsText_SaysNothing()
    {
        Secret<string> given = "hidden";
        Assert.Equal(("set", "hidden", false), ($"{given}", given.Value, given.IsInFile));
        Assert.Throws<FileNotFoundException>(() => Of(_file).Value);
    }

    public ValueTask DisposeAsync() => _directory.DisposeAsync();

    private Secret<string> Of(string file) => new("Geo:Registry:PasswordFile", [file], () =>
    {
        var line = SecretText.Lines(file)[0];
        return line.StartsWith("bad", StringComparison.Ordinal) ? throw new FormatException($"names a file that is no password: {file}") : line;
    }, _clock);

    private void Write(string? content, TimeSpan? age = null, string? file = null)
    {
        File.Delete(file ?? _file);
        if (content is null)
            return;
        File.WriteAllText(file ?? _file, content + "\n");
        File.SetLastWriteTimeUtc(file ?? _file, (_clock.Now - (age ?? TimeSpan.FromMinutes(1))).UtcDateTime);
    }
}
