using System.Net;
using GeoDR.Configuration;
using GeoDR.Core.Tests.Jobs;
using GeoDR.Core.Tests.Postgres;
using GeoDR.Jobs;
using GeoDR.Schedules;
using GeoDR.Sites;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace GeoDR.Hangfire.Tests;

/// <summary>The suite of the built-in engine, on Hangfire; and who may see its dashboard.</summary>
public sealed class HangfireEngineTests(PostgresFixture postgres) : JobEngineTests(postgres)
{
    internal override IJobEngine Engine { get; } = new HangfireEngine();

    [Fact]
    public async Task Dashboard_NobodySignedIn_IsRefused()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Services.AddSingleton(TimeProvider.System).AddSingleton(Database.Source).AddScheduleViews().AddSingleton<ScheduleRunner>();
        builder.Services.AddAuthentication("cookie").AddCookie("cookie", o => o.Events.OnRedirectToLogin = context =>
        {
            context.Response.StatusCode = (int)HttpStatusCode.Unauthorized;
            return Task.CompletedTask;
        });
        builder.Services.AddAuthorizationBuilder().AddPolicy(Roles.Admin, p => p.RequireRole(Roles.Admin));
        Engine.AddSchedules(builder.Services, new GeoSettings { SiteName = "here", Role = "secondary", Database = Database.ConnectionString });
        await using var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        app.UseAuthentication();
        app.UseAuthorization();
        Engine.Map(app);
        await app.StartAsync(Stop);
        using var http = new HttpClient();
        foreach (var path in new[] { "/hangfire", "/hangfire/jobs/enqueued", "/hangfire/recurring" })
            Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync(new Uri(app.Urls.Single() + path), Stop)).StatusCode);
    }
}
