using GeoDR.Secrets;
using Npgsql;

namespace GeoDR.Hosting;

/// <summary>The pools a process opens.</summary>
internal static class SiteDatabase
{
    /// <summary>
    /// This site's own database. No transaction waits for anything but the database, so one that stands still belongs to a process
    /// that does (or a machine that is gone), and must not keep its rows from the others. No statement is compiled: at a million rows
    /// PostgreSQL takes half a second to compile what then runs in a millisecond.
    /// </summary>
    public static NpgsqlDataSource Open(Secret<string> connection) => Build(connection, b =>
    {
        b.ApplicationName ??= "geodr";
        b.Options = $"{b.Options} -c idle_in_transaction_session_timeout=3000 -c jit=off".Trim();
    });

    /// <summary>
    /// For the intake's appends: whoever waits for the lock or the commit gives up before the sender does, so that one frozen
    /// node cannot hold every intake.
    /// </summary>
    public static NpgsqlDataSource OpenForAppend(Secret<string> connection) => Build(connection, b =>
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
    public static NpgsqlDataSource OpenLog(Secret<string> connection) => Build(connection, b =>
    {
        b.ApplicationName = "geodr tailer";
        b.Timeout = Math.Min(b.Timeout, 5);
        b.CommandTimeout = Math.Min(b.CommandTimeout, 10);
        b.MaxPoolSize = 4;
    });

    private static NpgsqlDataSource Build(Secret<string> connection, Action<NpgsqlConnectionStringBuilder> adjust)
    {
        var builder = new NpgsqlConnectionStringBuilder(connection.Value);
        adjust(builder);
        // A server that vanished without a word is noticed by the connection that waits for it.
        builder.KeepAlive = builder.KeepAlive == 0 ? 10 : builder.KeepAlive;
        var asked = connection.IsInFile && builder.Password is not null;
        if (asked)
            builder.Password = null;
        var source = new NpgsqlDataSourceBuilder(builder.ConnectionString);
        if (asked)
            source.UsePasswordProvider(_ => Password(connection), (_, _) => ValueTask.FromResult(Password(connection)));
        return source.Build();
    }

    // Asked for with each connection that is opened. Of another connection string in the file only the password counts before the next start.
    private static string Password(Secret<string> connection)
    {
        connection.Look();
        return new NpgsqlConnectionStringBuilder(connection.Value).Password ?? "";
    }
}
