namespace GeoDR.Cli;

/// <summary>What the program ends with.</summary>
public static class ExitCodes
{
    /// <summary>What was asked for was done.</summary>
    public const int Success = 0;
    /// <summary>A check failed, or what was asked for could not be done.</summary>
    public const int Failed = 1;
    /// <summary>Wrong usage: `--help` says what there is.</summary>
    public const int Usage = 2;
    /// <summary>A setting is wrong; every fault was listed.</summary>
    public const int Settings = 3;
    /// <summary>The database could not be used.</summary>
    public const int Database = 4;
}
