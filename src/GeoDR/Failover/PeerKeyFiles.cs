using System.Security.Cryptography;
using GeoDR.Configuration;
using GeoDR.Sites;
using GeoDR.Tokens;

namespace GeoDR.Failover;

/// <summary>
/// Takes in the files of the other sites' keys when they change, without a restart: a site whose key is changed has its old key and its
/// new one in that file, one after the other, for as long as both are to count.
/// </summary>
internal sealed partial class PeerKeyFiles(GeoSettings settings, SiteBook book, ILogger<PeerKeyFiles> logger)
{
    private string? _read;
    private string? _own;
    private string? _refused;

    public async Task RefreshAsync(CancellationToken cancel)
    {
        var files = settings.Peers.Select(p => p.PublicKeyFile).OfType<string>().ToList();
        try
        {
            var text = string.Join('\n', await Task.WhenAll(files.Select(f => File.ReadAllTextAsync(f, cancel))));
            // Its own file is watched with the other secrets; what it holds is told to the others from the book.
            var own = settings.SiteKey?.Value.PublicPem;
            if (text == _read && own == _own)
                return;
            foreach (var key in files.SelectMany(SiteKey.LoadAll))
                key.Dispose();
            // What stands there at the start was taken in before.
            if (_read is not null)
            {
                await SettingsBook.WriteAsync(settings, book, cancel);
                if (text != _read)
                    LogRead(logger, string.Join(", ", files));
            }
            (_read, _own, _refused) = (text, own, null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            // The keys that counted go on counting.
            if (_refused != e.Message)
                LogRefused(logger, e.Message);
            _refused = e.Message;
        }
    }

    [LoggerMessage(147, LogLevel.Information, "The keys of other sites were read again: {Files}")]
    private static partial void LogRead(ILogger logger, string files);

    [LoggerMessage(148, LogLevel.Error, "The keys of other sites cannot be read again, and stay as they are: {Reason}")]
    private static partial void LogRefused(ILogger logger, string reason);
}
