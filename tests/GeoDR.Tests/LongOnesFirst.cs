using GeoDR.Tests;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(LongOnesFirst))]

namespace GeoDR.Tests;

/// <summary>Begins with the classes that take longest and ends with those without sites, so that no long one is left alone on the machine at the end.</summary>
public sealed class LongOnesFirst : ITestCollectionOrderer
{
    private static readonly string[] s_slow =
        [.. typeof(LongOnesFirst).Assembly.GetTypes().Where(t => t.GetCustomAttributes(typeof(TraitAttribute), false).Length > 0).Select(t => $" {t.FullName} ")];

    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [.. testCollections.OrderBy(c => s_slow.Any(s => c.TestCollectionDisplayName.Contains(s, StringComparison.Ordinal)) ? 0 : 1)
            .ThenBy(c => c.TestCollectionDisplayName.Contains("GeoDR.Tests.Dashboard", StringComparison.Ordinal)
                || c.TestCollectionDisplayName.Contains("GeoDR.Tests.Configuration", StringComparison.Ordinal)
                || c.TestCollectionDisplayName.Contains("GeoDR.Tests.Metrics", StringComparison.Ordinal) ? 1 : 0)];
}
