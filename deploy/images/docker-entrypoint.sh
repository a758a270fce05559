#!/bin/sh
# What deploy/compose needs of the public image of PostgreSQL: a cluster at the first start, with POSTGRES_USER, POSTGRES_DB and the
# password in POSTGRES_PASSWORD_FILE. Everything else of that image is left out.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb -D "$PGDATA" -U "$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth-host=scram-sha-256 --auth-local=trust -E UTF8 >/dev/null
  echo "create database \"$POSTGRES_DB\"" | postgres --single -j -D "$PGDATA" postgres >/dev/null
fi
exec "$@" -D "$PGDATA" -c listen_addresses='*'
