#!/bin/sh
# An authority, and for both sites certificates, keys, passwords and the registry's configuration. What is there stays: run it as often as
# you like. Each file is readable by the one user who needs it: 64198 GeoDR, 64197 the registry, 64196 the token service, 999 PostgreSQL.
set -eu
umask 077
made=/made
cd "$made"
secret() { openssl rand -hex 24; }

if [ ! -s authority/ca.crt ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=GeoDR compose authority" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign -keyout authority/ca.key -out authority/ca.crt 2>/dev/null
fi

server() { # directory, owner, names…: tls.key and tls.crt
  dir=$1 owner=$2
  shift 2
  mkdir -p "$dir"
  if [ ! -s "$dir/tls.crt" ]; then
    names=IP:127.0.0.1
    for name; do names="$names,DNS:$name"; done
    printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n' "$names" >/tmp/extensions
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$dir/tls.key" -out /tmp/request 2>/dev/null
    openssl x509 -req -in /tmp/request -CA authority/ca.crt -CAkey authority/ca.key -set_serial "0x$(openssl rand -hex 12)" -days 825 \
      -extfile /tmp/extensions -out "$dir/tls.crt" 2>/dev/null
  fi
  chown -R "$owner:$owner" "$dir"
}

signer() { # directory, name: a key for registry tokens, and the certificate that the registries trust
  [ -s "$1/token.crt" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 825 -subj "/CN=$2 tokens" \
    -keyout "$1/token.key" -out "$1/token.crt" 2>/dev/null
}

server tokens 64196 tokens "$HOST_NAME" localhost
signer tokens people
[ -s tokens/pusher ] || secret >tokens/pusher
cp authority/ca.crt tokens/ca.crt
chown -R 64196:64196 tokens

for site in berlin madrid; do
  server "$site/geodr" 64198 "$site" "$HOST_NAME" localhost
  server "$site/registry" 64197 "$site-registry" "$HOST_NAME" localhost
  server "$site/postgres" 999 "$site-db"
  signer "$site/geodr" "$site"
  [ -s "$site/geodr/site.key" ] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$site/geodr/site.key"
  [ -s "$site/geodr/notification-secret" ] || secret >"$site/geodr/notification-secret"
  [ -s "$site/geodr/admin" ] || secret >"$site/geodr/admin"
  [ -s "$site/postgres/password" ] || secret >"$site/postgres/password"
  echo "Host=$site-db;Database=geodr;Username=geodr;Password=$(cat "$site/postgres/password");SSL Mode=VerifyFull;Root Certificate=/run/site/ca.crt;GSS Encryption Mode=Disable" >"$site/geodr/database"
  cat "$site/geodr/token.crt" tokens/token.crt >"$site/registry/token-signers.crt"
  [ -s "$site/registry/http-secret" ] || secret >"$site/registry/http-secret"
  sed -e "s|@SITE@|$site|g" -e "s|@REALM@|$TOKEN_REALM|" -e "s|@NOTIFICATION_SECRET@|$(cat "$site/geodr/notification-secret")|" \
    -e "s|@HTTP_SECRET@|$(cat "$site/registry/http-secret")|" /init/registry.yml >"$site/registry/config.yml"
  cp authority/ca.crt "$site/ca.crt"
done
openssl pkey -in berlin/geodr/site.key -pubout -out madrid/geodr/berlin.pub
openssl pkey -in madrid/geodr/site.key -pubout -out berlin/geodr/madrid.pub

for site in berlin madrid; do
  chown -R 64198:64198 "$site/geodr"
  chown -R 64197:64197 "$site/registry" "/data/$site"
  chown -R 999:999 "$site/postgres" "/data/$site-database"
  chmod 755 "$site"
  chmod 644 "$site/ca.crt"
done
chmod 700 /data/berlin-database /data/madrid-database
chmod 755 tokens
