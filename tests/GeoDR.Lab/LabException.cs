namespace GeoDR.Lab;

/// <summary>Something in the lab did not come up, did not stop, or a command of it failed; the message holds the log's tail.</summary>
public sealed class LabException : Exception
{
    public LabException()
    {
    }

    public LabException(string message)
        : base(message)
    {
    }

    public LabException(string message, Exception? inner)
        : base(message, inner)
    {
    }
}
