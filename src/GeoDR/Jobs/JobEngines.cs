using System.Runtime.Loader;
using GeoDR.Configuration;

namespace GeoDR.Jobs;

/// <summary>An adapter that cannot be used; the message says the mend.</summary>
internal sealed class NoEngineException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>Gives the engine that the settings name. Another one than the built-in is an assembly beside the program, loaded by its name.</summary>
internal static class JobEngines
{
    private const string Type = "GeoDR.Jobs.HangfireEngine";
    private static IJobEngine? s_adapter;

    /// <exception cref="NoEngineException"/>
    public static IJobEngine Find(JobsSettings settings)
    {
        if (settings.Engine == JobsSettings.Builtin)
            return new BuiltinEngine();
        try
        {
            return s_adapter ??= Load(JobsSettings.AdapterFile);
        }
        catch (Exception e) when (e is BadImageFormatException or IOException or TypeLoadException or MissingMethodException or InvalidCastException)
        {
            throw new NoEngineException($"{JobsSettings.AdapterFile} cannot be loaded: {e.Message} Make it from the same sources as this program, with ./scripts/hangfire.", e);
        }
    }

    private static IJobEngine Load(string file)
    {
        var folder = Path.GetDirectoryName(file)!;
        // What the program holds itself is taken from there; only what it lacks comes from the adapter's directory.
        AssemblyLoadContext.Default.Resolving += (context, wanted) =>
            Path.Combine(folder, $"{wanted.Name}.dll") is var path && File.Exists(path) ? context.LoadFromAssemblyPath(path) : null;
        var assembly = AssemblyLoadContext.Default.LoadFromAssemblyPath(file);
        var (its, own) = (assembly.GetName().Version, typeof(JobEngines).Assembly.GetName().Version);
        if (its != own)
            throw new NoEngineException($"{file} is of version {its}, and the program of {own}. Make it from the same sources as this program, with ./scripts/hangfire.");
        return (IJobEngine)Activator.CreateInstance(assembly.GetType(Type, throwOnError: true)!)!;
    }
}
