using System.Text.Json.Nodes;

namespace GeoDR.Lab.Tool.Bench;

internal sealed class IntakeBench(IntakeOptions options)
{
    public Task<JsonObject> RunAsync(CancellationToken cancellationToken) => throw new LabException($"{options.Senders.Count}: not yet");
}
