namespace GeoDR.Api;

/// <summary>The API's refusals (RFC 9457).</summary>
internal static class Problems
{
    public static IResult Bad(string detail) => Results.Problem(statusCode: 400, title: "The call cannot be understood", detail: detail);

    public static IResult NotFound(string what) => Results.Problem(statusCode: 404, title: $"There is no {what}");

    public static IResult Conflict(string title, string detail) => Results.Problem(statusCode: 409, title: title, detail: detail);

    /// <summary>Null where the limit is one that may be asked for.</summary>
    public static IResult? BadLimit(int? limit) => limit is < 1 or > Most ? Bad($"limit is from 1 to {Most}") : null;

    private const int Most = 1000;
}

/// <summary>A page; <c>Next</c> is the <c>after</c> of the page that follows, absent at the end.</summary>
internal sealed record Page<T, TKey>(IReadOnlyList<T> Items, TKey? Next);

/// <summary>All there is.</summary>
internal sealed record Whole<T>(IReadOnlyList<T> Items);
