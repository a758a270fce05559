using Npgsql;

namespace GeoDR.Hosting;

/// <summary>The pools a process opens.</summary>
internal static class SiteDatabase
{
    /// <summary>
    /// This site's own database. No transaction waits for anything but the database, so one that stands still belongs to a process
    /// that does (or a machine that is gone), and must not keep its rows from the others.
    /// </summary>
    public static NpgsqlDataSource Open(string connectionString) => Build(connectionString, b =>
    {
        b.ApplicationName ??= "geodr";
        b.Options = $"{b.Options} -c idle_in_transaction_session_timeout=3000".Trim();
    });

    /// <summary>
    /// For the intake's appends: whoever waits for the lock or the commit gives up before the sender does, so that one frozen
    /// node cannot hold every intake.
    /// </summary>
    public static NpgsqlDataSource OpenForAppend(string connectionString) => Build(connectionString, b =>
    {
        b.ApplicationName = "geodr intake";
        b.Options = $"{b.Options} -c lock_timeout=250 -c statement_timeout=300".Trim();
        b.Timeout = 1;
        b.CommandTimeout = 1;
        b.MaxPoolSize = 4;
        // One append is one message: the whole batch leaves in one write.
        b.WriteBufferSize = 512 * 1024;
        b.MaxAutoPrepare = Math.Max(b.MaxAutoPrepare, 10);
    });

    /// <summary>The primary's log, read only.</summary>
    public static NpgsqlDataSource OpenLog(string connectionString) => Build(connectionString, b =>
    {
        b.ApplicationName = "geodr tailer";
        b.Timeout = Math.Min(b.Timeout, 5);
        b.CommandTimeout = Math.Min(b.CommandTimeout, 10);
        b.MaxPoolSize = 4;
    });

    private static NpgsqlDataSource Build(string connectionString, Action<NpgsqlConnectionStringBuilder> adjust)
    {
        var builder = new NpgsqlConnectionStringBuilder(connectionString);
        adjust(builder);
        // A server that vanished without a word is noticed by the connection that waits for it.
        builder.KeepAlive = builder.KeepAlive == 0 ? 10 : builder.KeepAlive;
        return new NpgsqlDataSourceBuilder(builder.ConnectionString).Build();
    }
}
