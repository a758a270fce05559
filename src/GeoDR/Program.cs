using GeoDR.Cli;

return await Verbs.Root().Parse(args).InvokeAsync();
