using GeoDR.Secrets;

namespace GeoDR.Registry;

/// <summary>The HTTP client of a registry or its token service, another one as soon as the certificates in its files are others.</summary>
internal sealed class RegistryHttp(Secret<RegistryCertificates>? certificates, Func<SocketsHttpHandler> handler, TimeSpan timeout) : IDisposable
{
    private readonly Lock _one = new();
    private RegistryCertificates? _of;
    private HttpClient? _http;

    public HttpClient Now
    {
        get
        {
            var now = certificates?.Value;
            lock (_one)
            {
                // Requests that have begun end with the former one, whose connections end by their own idleness.
                if (_http is null || now != _of)
                {
                    var made = handler();
                    now?.Apply(made.SslOptions);
                    (_of, _http) = (now, new HttpClient(made) { Timeout = timeout });
                }
                return _http;
            }
        }
    }

    public void Dispose() => _http?.Dispose();
}
