using System.Text.RegularExpressions;

namespace GeoDR.Core.Tests.Architecture;

/// <summary>The direction of dependencies between the folders of GeoDR.Core, as docs/architecture.md draws it.</summary>
public sealed partial class DependencyTests
{
    private static readonly Dictionary<string, string[]> s_mayUse = new()
    {
        ["Postgres"] = [],
        ["Secrets"] = [],
        ["Registry"] = ["Secrets"],
        ["Tokens"] = ["Registry", "Secrets"],
        ["EventLog"] = ["Postgres"],
        ["Notifications"] = ["EventLog", "Registry", "Audit"],
        ["SyncState"] = ["EventLog", "Audit"],
        ["Selection"] = [],
        ["Tailing"] = ["EventLog", "SyncState", "Selection"],
        ["Inventory"] = [],
        ["Sync"] = ["SyncState", "Registry", "Inventory", "Selection"],
        ["Audit"] = [],
        ["Schedules"] = ["Audit"],
        ["Deletion"] = ["SyncState", "Sync", "Registry", "Inventory", "Audit"],
        ["Retention"] = ["EventLog"],
        ["Sites"] = ["Audit", "SyncState"],
        ["Failover"] = ["Audit", "EventLog", "Sites", "Tokens"],
        ["Reconcile"] = ["EventLog", "Registry", "Inventory", "Selection", "SyncState"],
        ["Verification"] = ["SyncState", "Registry", "Selection", "Sync"],
        ["Status"] = ["EventLog", "Failover", "SyncState", "Sites", "Inventory", "Reconcile", "Verification", "Selection"],
        ["Readiness"] = ["Status", "Failover", "Sites", "Registry", "Sync", "Selection", "Notifications", "EventLog"],
        ["Alerts"] = ["Status", "Sites", "SyncState", "Secrets"],
    };

    [Fact]
    public void Folders_UseOnlyWhatTheyMay()
    {
        var core = Path.Combine(Root(), "src", "GeoDR.Core");
        var folders = Directory.GetDirectories(core).Select(Path.GetFileName).Where(f => f is not ("bin" or "obj")).Order().ToArray();
        Assert.Equal(s_mayUse.Keys.Order(), folders);
        var wrong =
            from file in Directory.GetFiles(core, "*.cs", SearchOption.AllDirectories)
            let folder = Path.GetRelativePath(core, file).Split(Path.DirectorySeparatorChar)[0]
            where s_mayUse.ContainsKey(folder)
            from Match match in Names().Matches(File.ReadAllText(file))
            let used = match.Groups[1].Value
            where used != folder && s_mayUse.ContainsKey(used) && !s_mayUse[folder].Contains(used)
            select $"{folder} uses {used} in {Path.GetFileName(file)}";
        Assert.Empty(wrong.Distinct());
    }

    [Fact]
    public void Sources_ReadTheTimeFromATimeProvider()
    {
        var wrong =
            from file in Directory.GetFiles(Path.Combine(Root(), "src"), "*.cs", SearchOption.AllDirectories)
            where !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal)
            where Clocks().IsMatch(File.ReadAllText(file))
            select Path.GetFileName(file);
        Assert.Empty(wrong);
    }

    [Fact]
    public void Sources_KnowNothingOfTheLab()
    {
        var wrong = Directory.GetFiles(Path.Combine(Root(), "src"), "*.cs", SearchOption.AllDirectories)
            .Where(f => File.ReadAllText(f).Contains("GeoDR.Lab", StringComparison.Ordinal));
        Assert.Empty(wrong);
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "GeoDR.sln")))
            folder = folder.Parent;
        return folder.FullName;
    }

    [GeneratedRegex(@"(?:GeoDR\.|(?<![.:\w]))(Postgres|Registry|Tokens|EventLog|Notifications|SyncState|Tailing|Inventory|Sync|Sites|Selection|Reconcile|Verification|Audit|Deletion|Retention|Schedules|Status|Alerts|Failover|Readiness|Secrets)(?:;|\.[A-Z])")]
    private static partial Regex Names();

    [GeneratedRegex(@"DateTime(Offset)?\.(Utc)?Now|Task\.Delay\([^;]*\)(?<!time.*)(?<!Time.*);|Thread\.Sleep")]
    private static partial Regex Clocks();
}
