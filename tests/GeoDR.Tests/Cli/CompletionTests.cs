using GeoDR.Lab;

namespace GeoDR.Tests.Cli;

/// <summary>What a shell offers at Tab.</summary>
public sealed class CompletionTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("geodr pro", "promote")]
    [InlineData("geodr promote --", "--dry-run")]
    [InlineData("geodr site re", "revoke")]
    [InlineData("geodr charts --range ", "week")]
    public async Task Bash_OffersWhatGoesOn(string line, string offered)
    {
        var script = (await GeoProgram.RunAsync(["completion", "bash"], cancellationToken: Stop)).EnsureSuccess().Output;
        var words = line.Split(' ');
        // As the shell calls it: the words so far, and where the cursor is.
        var run = await ManagedProcess.RunAsync(
            "/bin/bash",
            ["-c", $"PATH={Path.GetDirectoryName(GeoProgram.Path)}:$PATH\n{script}\nCOMP_LINE='{line}' COMP_POINT={line.Length}\nCOMP_WORDS=({string.Join(' ', words.Select(w => $"'{w}'"))}) COMP_CWORD={words.Length - 1}\n_geodr\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""], cancellationToken: Stop);
        Assert.Contains(offered, run.EnsureSuccess().Output.Split('\n'));
    }

    [Theory]
    [InlineData("zsh", "compdef _geodr geodr")]
    [InlineData("fish", "complete -c geodr")]
    public async Task OtherShells_HaveAScript(string shell, string line) =>
        Assert.Contains(line, (await GeoProgram.RunAsync(["completion", shell], cancellationToken: Stop)).EnsureSuccess().Output, StringComparison.Ordinal);

    [Fact]
    public async Task AnotherShell_IsRefused() => Assert.NotEqual(0, (await GeoProgram.RunAsync(["completion", "tcsh"], cancellationToken: Stop)).ExitCode);
}
