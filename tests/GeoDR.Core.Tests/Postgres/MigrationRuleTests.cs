using System.Text.RegularExpressions;
using GeoDR.Lab;

namespace GeoDR.Core.Tests.Postgres;

/// <summary>
/// Programs of the version before go on beside a migrated database, so a script only adds; one that takes away says "-- needs NNNN" and
/// comes a version later. docs/explanation/upgrades.md has the rules; what can be seen in the text of a script is guarded here.
/// </summary>
public sealed partial class MigrationRuleTests
{
    // The last script that was written before there were rules.
    private const int Before = 15;

    [Theory]
    [InlineData("drop table a;")]
    [InlineData("alter table a drop column b;")]
    [InlineData("alter table a rename column b to c;")]
    [InlineData("alter table a rename to c;")]
    [InlineData("alter table a alter column b type bigint;")]
    [InlineData("alter table a alter b set not null;")]
    [InlineData("alter table a add column b text not null;")]
    [InlineData("alter table a add column c text,\n  add column b text not null, add column d text default '';")]
    [InlineData("alter table a add check (b > 0);")]
    [InlineData("alter table a add constraint c unique (b);")]
    [InlineData("create unique index on a (b);")]
    [InlineData("drop view geo_log_v1;")]
    [InlineData("drop function f(text);")]
    public void Script_ThatTakesAway_IsFound(string sql) => Assert.NotEmpty(Faults(sql));

    [Theory]
    [InlineData("alter table a add column b text;")]
    [InlineData("alter table a add column b text not null default '';")]
    [InlineData("create table a (b text not null unique check (b <> ''));\ncreate unique index on a (b);")]
    [InlineData("alter table a add column b text;\ncreate unique index on a (b) where b is not null;")]
    [InlineData("create index on a (b); -- never drop table a")]
    [InlineData("-- needs 0030\nalter table a drop column b;")]
    public void Script_ThatAdds_IsFine(string sql) => Assert.Empty(Faults(sql));

    [Fact]
    public void Scripts_OnlyAdd()
    {
        var scripts = Directory.GetFiles(Path.Combine(GeoProgram.RepositoryRoot(), "src", "GeoDR.Core", "Postgres", "Migrations"), "*.sql")
            .Where(f => int.Parse(Path.GetFileName(f)[..4], System.Globalization.CultureInfo.InvariantCulture) > Before).ToList();
        Assert.NotEmpty(scripts);
        Assert.Empty(scripts.SelectMany(f => Faults(File.ReadAllText(f)).Select(fault => $"{Path.GetFileName(f)}: {fault}")));
    }

    private static IEnumerable<string> Faults(string script)
    {
        if (NeedsLine().IsMatch(script))
            return [];
        var sql = Comment().Replace(script, "").ToLowerInvariant();
        var made = Made().Matches(sql).Select(m => m.Groups[1].Value).ToHashSet();
        return sql.Split(';').Where(s => TakesAway().IsMatch(s)
            || AddedColumn().Matches(s).Any(m => m.Value.Contains("not null", StringComparison.Ordinal) && !m.Value.Contains("default", StringComparison.Ordinal))
            // A part of the rows may be unique: those that only this version writes.
            || UniqueIndex().Match(s) is { Success: true } index && !made.Contains(index.Groups[1].Value) && !s.Contains(" where ", StringComparison.Ordinal)).Select(s => s.Trim());
    }

    [GeneratedRegex(@"^-- needs \d{4}$", RegexOptions.Multiline)]
    private static partial Regex NeedsLine();

    [GeneratedRegex(@"--.*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"create table (\w+)")]
    private static partial Regex Made();

    [GeneratedRegex(@"^\s*drop (?!trigger|index)|\balter table\b.*\b(drop (?!default|not null)|rename\b|type\b|set not null|add (constraint|check|unique|foreign|primary)\b)", RegexOptions.Singleline)]
    private static partial Regex TakesAway();

    [GeneratedRegex(@"\badd column (?:[^,(]|\([^)]*\))*")]
    private static partial Regex AddedColumn();

    [GeneratedRegex(@"create unique index.*\bon (\w+)", RegexOptions.Singleline)]
    private static partial Regex UniqueIndex();
}
