using GeoDR.Audit;
using GeoDR.Cli;

AuditOrigin.Address = Environment.MachineName;

var line = Verbs.Root().Parse(args);
var code = await line.InvokeAsync();
return line.Errors.Count > 0 ? ExitCodes.Usage : code;
