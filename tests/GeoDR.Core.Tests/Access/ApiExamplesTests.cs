using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using GeoDR.Api;

namespace GeoDR.Core.Tests.Access;

/// <summary>An example that is sent as it stands is understood, and says all that can be said.</summary>
public sealed class ApiExamplesTests
{
    private static readonly JsonSerializerOptions s_strict = new(JsonSerializerDefaults.Web) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    public static TheoryData<string> Types => [.. ApiExamples.Bodies.Keys.Concat(ApiExamples.Answers.Values.Select(a => a.Answer.GetType())).Select(t => t.AssemblyQualifiedName!).Distinct()];

    [Theory]
    [MemberData(nameof(Types))]
    public void Example_ParsesIntoItsType(string name)
    {
        var type = Type.GetType(name)!;
        foreach (var example in ApiExamples.Bodies.Values.Concat(ApiExamples.Answers.Values.Select(a => a.Answer)).Where(e => e.GetType() == type))
        {
            var written = JsonSerializer.SerializeToNode(example, type, JsonSerializerOptions.Web);
            // What is only computed is written and not read.
            var read = JsonSerializer.Deserialize(written, type, ApiExamples.Bodies.ContainsKey(type) ? s_strict : JsonSerializerOptions.Web);
            Assert.True(JsonNode.DeepEquals(written, JsonSerializer.SerializeToNode(read, type, JsonSerializerOptions.Web)), $"{type.Name}: {written}");
        }
    }
}
