# GeoDR in an image: `./scripts/package image` makes the program and then this.
# BASE has the C library, libstdc++, OpenSSL 3 and the system's authorities, no .NET: the program brings its own. Where nothing may be
# pulled, deploy/images/make puts one together out of Debian's packages.
ARG BASE=mcr.microsoft.com/dotnet/runtime-deps:10.0-noble-chiseled
FROM ${BASE}
COPY artifacts/package/geodr /opt/geodr
# The program writes nothing: it runs with a read-only root file system, as any user.
ENV PATH=/opt/geodr:/usr/bin:/bin DOTNET_EnableDiagnostics=0 ASPNETCORE_HTTP_PORTS= ASPNETCORE_URLS=http://0.0.0.0:8080
EXPOSE 8080 8443
USER 64198:64198
# A worker listens nowhere: switch the check off for it.
HEALTHCHECK --interval=15s --timeout=15s --start-period=120s --retries=3 CMD ["/opt/geodr/geodr", "health"]
ENTRYPOINT ["/opt/geodr/geodr"]
CMD ["serve"]
