#!/usr/bin/env bash
# A throw-away PostgreSQL of its own, in a folder of its own, on a free port of loopback.
#   postgres.sh start FOLDER [NAME=VALUE…]   prints its URL; the settings win over those below
#   postgres.sh stop FOLDER                  ends it and removes the folder
. "$(dirname "$0")/lib.sh"
action=$1 folder=$2
shift 2
settings=''
for setting in "$@"; do settings+=" -c $setting"; done

# PostgreSQL refuses to run as root.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then
    runuser -u "$owner" -- "$@"
  else
    "$@"
  fi
}

owner=nobody
id postgres >/dev/null 2>&1 && owner=postgres

# Debian keeps the server's programs out of the path.
for bin in /usr/lib/postgresql/15/bin /usr/lib/postgresql/*/bin; do
  [ -x "$bin/initdb" ] && PATH="$bin:$PATH" && break
done

case $action in
start)
  have initdb || fail "PostgreSQL's initdb was not found (Debian: apt-get install postgresql)"
  mkdir -p "$folder"
  password=$(python3 -c 'import secrets; print(secrets.token_hex(16))')
  printf '%s\n' "$password" >"$folder/password"
  [ "$(id -u)" = 0 ] && chown -R "$owner" "$folder"
  cd "$folder"
  as_postgres initdb --pgdata=data --username=rejoinder --pwfile=password \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C --no-sync >initdb.log 2>&1 ||
    { cat initdb.log >&2; fail "initdb failed"; }
  # A port that is free now may be somebody else's when the server comes to it: then another one.
  for attempt in 1 2 3; do
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    # Kills of our own process are what is tested here, not the machine's power: no fsync.
    as_postgres pg_ctl --pgdata=data --log=server.log --wait --silent start -o "\
      -c port=$port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder \
      -c fsync=off -c full_page_writes=off -c max_connections=300 -c shared_buffers=64MB$settings" \
      </dev/null >pg_ctl.log 2>&1 && break
    [ "$attempt" != 3 ] || { cat pg_ctl.log server.log >&2; fail "PostgreSQL did not start"; }
  done
  say "postgres://rejoinder:$password@127.0.0.1:$port/postgres"
  ;;
stop)
  if [ -f "$folder/data/postmaster.pid" ]; then
    cd "$folder"
    as_postgres pg_ctl --pgdata=data --mode=immediate --wait --silent stop </dev/null || true
  fi
  cd /
  rm -rf "$folder"
  ;;
*) fail "usage: postgres.sh start|stop FOLDER" ;;
esac
