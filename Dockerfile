# GeoDR in an image. Build the program first, then the image:
#   ./scripts/build && docker build -t geodr .
# BASE is any image with the ASP.NET Core 10 runtime; one of your own serves where nothing may be pulled.
ARG BASE=mcr.microsoft.com/dotnet/aspnet:10.0
FROM ${BASE}
COPY artifacts/publish /opt/geodr
# The program writes nothing: it runs with a read-only root file system, as any user.
ENV DOTNET_EnableDiagnostics=0 ASPNETCORE_URLS=http://0.0.0.0:8080
EXPOSE 8080
USER 64198:64198
ENTRYPOINT ["/opt/geodr/geodr"]
CMD ["serve"]
