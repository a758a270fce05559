using GeoDR.Lab;
using Npgsql;

namespace GeoDR.Core.Tests.Lab;

public sealed class PostgresClusterTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Kill_ThenStartAgain_KeepsWhatWasCommitted()
    {
        await using var directory = LabDirectory.Create();
        await using var cluster = await StartAsync(directory);
        await cluster.ExecuteAsync("CREATE TABLE kept AS SELECT 1 AS value", "work", Token);
        var killed = cluster.Postmaster!;

        await cluster.KillAsync();
        Assert.True(killed.HasExited);
        Assert.Null(cluster.Postmaster);
        await cluster.StartAgainAsync(Token);

        Assert.Equal(1, await ScalarAsync<int>(cluster, "SELECT value FROM kept"));
    }

    [Fact]
    public async Task Restore_OlderDump_ForgetsWhatCameAfter()
    {
        await using var directory = LabDirectory.Create();
        await using var cluster = await StartAsync(directory);
        var dump = cluster.DataDirectory + ".dump";
        await cluster.ExecuteAsync("CREATE TABLE rows AS SELECT 1 AS value", "work", Token);
        await cluster.DumpAsync("work", dump, Token);
        await cluster.ExecuteAsync("INSERT INTO rows VALUES (2)", "work", Token);

        await cluster.RestoreAsync("work", dump, Token);

        Assert.Equal(1L, await ScalarAsync<long>(cluster, "SELECT count(*) FROM rows"));
    }

    [Fact]
    public async Task Standby_RowAtThePrimary_ArrivesAndCannotBeWritten()
    {
        await using var directory = LabDirectory.Create();
        await using var cluster = await StartAsync(directory);
        await using var standby = await cluster.CreateStandbyAsync(directory.PathOf("standby"), Token);

        await cluster.ExecuteAsync("CREATE TABLE travels AS SELECT 1 AS value", "work", Token);

        await Wait.UntilAsync(
            async _ => await ScalarAsync<int>(standby, "SELECT value FROM travels") == 1,
            TimeSpan.FromSeconds(10),
            () => standby.Postmaster?.LogTail() ?? "standby is down",
            Token);
        var e = await Assert.ThrowsAsync<PostgresException>(() => standby.ExecuteAsync("CREATE TABLE no (value int)", "work", Token));
        Assert.Equal(PostgresErrorCodes.ReadOnlySqlTransaction, e.SqlState);
    }

    [Fact]
    public async Task RequirePassword_WrongPassword_IsRefused()
    {
        await using var directory = LabDirectory.Create();
        await using var cluster = await PostgresCluster.StartNewAsync(directory.PathOf("postgres"), new PostgresOptions { RequirePassword = true }, cancellationToken: Token);
        await using var connection = new NpgsqlConnection(cluster.ConnectionString(password: "wrong") + ";Pooling=false");

        var e = await Assert.ThrowsAsync<PostgresException>(() => connection.OpenAsync(Token));

        Assert.Equal(PostgresErrorCodes.InvalidPassword, e.SqlState);
    }

    [Fact]
    public async Task CreateDatabase_Template_IsCopied()
    {
        await using var directory = LabDirectory.Create();
        await using var cluster = await StartAsync(directory);
        await cluster.ExecuteAsync("CREATE TABLE copied AS SELECT 5 AS value", "work", Token);

        await cluster.CreateDatabaseAsync("copy", "work", Token);

        Assert.Equal(5, await ScalarAsync<int>(cluster, "SELECT value FROM copied", "copy"));
    }

    private static async Task<PostgresCluster> StartAsync(LabDirectory directory)
    {
        var cluster = await PostgresCluster.StartNewAsync(directory.PathOf("postgres"), new PostgresOptions { RequirePassword = true }, cancellationToken: Token);
        await cluster.CreateDatabaseAsync("work", cancellationToken: Token);
        return cluster;
    }

    private static async Task<T> ScalarAsync<T>(PostgresCluster cluster, string sql, string database = "work")
    {
        await using var connection = new NpgsqlConnection(cluster.ConnectionString(database) + ";Pooling=false");
        await connection.OpenAsync(Token);
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync(Token))!;
    }
}
