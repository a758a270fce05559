namespace GeoDR.Alerts;

/// <summary>How a try to deliver a message went.</summary>
/// <param name="Permanent">Another try will hardly do better.</param>
/// <param name="Error">Why not, or for whom not; never a secret or an address that holds one.</param>
public sealed record DeliveryResult(bool Delivered, bool Permanent, string? Error)
{
    public static DeliveryResult Done { get; } = new(true, false, null);

    public static DeliveryResult Later(string error) => new(false, false, error);

    public static DeliveryResult Refused(string error) => new(false, true, error);
}

/// <summary>Where messages go.</summary>
public interface IAlertTarget
{
    /// <summary>"webhook" or "mail".</summary>
    string Name { get; }

    /// <summary>One try, within ten seconds.</summary>
    /// <param name="deliveryId">The same at every try.</param>
    Task<DeliveryResult> SendAsync(AlertMessage message, string deliveryId, CancellationToken cancel);
}

/// <summary>The targets that are configured.</summary>
public sealed record AlertTargets(IReadOnlyList<IAlertTarget> All)
{
    public IReadOnlyList<string> Names { get; } = [.. All.Select(t => t.Name)];

    /// <summary>Sends a message that says that it is a test to each, at once.</summary>
    public async Task<IReadOnlyList<(string Target, DeliveryResult Result)>> TestAsync(string site, TimeProvider time, CancellationToken cancel)
    {
        var message = AlertMessage.Test(site, time.GetUtcNow());
        var id = $"test-{Guid.NewGuid():N}";
        var results = await Task.WhenAll(All.Select(t => t.SendAsync(message, id, cancel)));
        return [.. All.Zip(results, (t, r) => (t.Name, r))];
    }
}
