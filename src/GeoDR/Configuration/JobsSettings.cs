namespace GeoDR.Configuration;

/// <summary>What has the jobs run: <c>Geo:Jobs</c>.</summary>
public sealed record JobsSettings
{
    public const string Builtin = "builtin";
    public const string Hangfire = "hangfire";

    internal const string EngineKey = "Geo:Jobs:Engine";

    /// <summary><see cref="Builtin"/>, the default, or <see cref="Hangfire"/>, whose adapter lies beside the program.</summary>
    public string Engine { get; init; } = Builtin;

    /// <summary>Where the adapter is looked for: no part of the program, but beside it.</summary>
    internal static string AdapterFile => Path.Combine(AppContext.BaseDirectory, Hangfire, "GeoDR.Hangfire.dll");

    internal static JobsSettings Read(Func<string, string?> text, Action<string, string> wrong)
    {
        var engine = text(EngineKey) ?? Builtin;
        if (engine is not (Builtin or Hangfire))
            wrong(EngineKey, $"is '{engine}'; write {Builtin} or {Hangfire}");
        else if (engine == Hangfire && !File.Exists(AdapterFile))
            wrong(EngineKey, $"is {Hangfire}, and {AdapterFile} is not there: this build has no adapter. Make it with ./scripts/hangfire where its packages restore, or write {Builtin}");
        return new() { Engine = engine };
    }
}
