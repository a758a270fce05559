namespace GeoDR.Lab;

/// <summary>What is killed, and started again.</summary>
public enum KillTarget
{
    Secondary,
    Worker,
    Intake,
    PrimaryPostgres,
    SecondaryPostgres,
    PrimaryRegistry,
    SecondaryRegistry,
}

internal static class KillTargets
{
    /// <summary>The process whose claims end with it; null for what holds none.</summary>
    public static int? ClaimantOf(this KillTarget target, TwoSites sites) => target switch
    {
        KillTarget.Secondary => sites.Secondary.Geo.Serve!.Id,
        KillTarget.Worker => sites.Secondary.Geo.Workers[0].Id,
        _ => null,
    };

    /// <summary>SIGKILL.</summary>
    public static async Task KillAsync(this KillTarget target, TwoSites sites)
    {
        switch (target)
        {
            case KillTarget.Secondary: sites.Secondary.Geo.Serve!.Kill(); break;
            case KillTarget.Worker: sites.Secondary.Geo.Workers[0].Kill(); break;
            case KillTarget.Intake: sites.Primary.Geo.Serve!.Kill(); break;
            case KillTarget.PrimaryPostgres: await sites.Primary.Postgres.KillAsync(); break;
            case KillTarget.SecondaryPostgres: await sites.Secondary.Postgres.KillAsync(); break;
            case KillTarget.PrimaryRegistry: sites.Primary.Registry.Kill(); break;
            case KillTarget.SecondaryRegistry: sites.Secondary.Registry.Kill(); break;
            default: throw new ArgumentOutOfRangeException(nameof(target));
        }
    }

    public static async Task StartAgainAsync(this KillTarget target, TwoSites sites, CancellationToken cancellationToken)
    {
        switch (target)
        {
            case KillTarget.Secondary: await sites.Secondary.Geo.StartServeAsync(cancellationToken: cancellationToken); break;
            case KillTarget.Worker: sites.Secondary.Geo.StartWorkers(1); break;
            case KillTarget.Intake: await sites.Primary.Geo.StartServeAsync(cancellationToken: cancellationToken); break;
            case KillTarget.PrimaryPostgres: await sites.Primary.Postgres.StartAgainAsync(cancellationToken); break;
            case KillTarget.SecondaryPostgres: await sites.Secondary.Postgres.StartAgainAsync(cancellationToken); break;
            case KillTarget.PrimaryRegistry: await sites.Primary.Registry.StartAgainAsync(cancellationToken); break;
            case KillTarget.SecondaryRegistry: await sites.Secondary.Registry.StartAgainAsync(cancellationToken); break;
            default: throw new ArgumentOutOfRangeException(nameof(target));
        }
    }
}
