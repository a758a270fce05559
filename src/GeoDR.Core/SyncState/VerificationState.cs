namespace GeoDR.SyncState;

/// <summary>How far the check of one repository is; the numbers are stored and part of the API.</summary>
public enum VerificationState
{
    /// <summary>To be checked.</summary>
    Pending = 0,
    /// <summary>A worker reads it now.</summary>
    Started = 1,
    /// <summary>The last check found everything well, and nothing found earlier is still open.</summary>
    Succeeded = 2,
    /// <summary>Something is missing or damaged, or could not be checked.</summary>
    Failed = 3,
}
