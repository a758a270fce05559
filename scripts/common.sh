# Sourced by the scripts: the root of the repository, and quiet .NET.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_UI_LANGUAGE=en
lab="$root/artifacts/lab/geodr-lab"
