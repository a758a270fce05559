using System.CommandLine;
using GeoDR.Lab.Tool;
using GeoDR.Lab.Tool.Bench;

var root = new RootCommand("GeoDR's lab: two complete sites on this machine")
{
    DemoCommand.Create(),
    BenchCommand.Create(),
    SoakCommand.Create(),
};

// Ctrl-C and SIGTERM cancel the verb's token; the verb then stops what it started, which takes a few seconds.
return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(30) });
