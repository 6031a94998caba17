#!/usr/bin/env bash
# Requests made from the API's own document, by two users, against the real debug binary.
#   schemathesis.sh                 50 examples per operation, the same each time
#   schemathesis.sh --minutes 60    goes on until then
#   schemathesis.sh --seed N        repeats a run; anything else is handed on as well
# SCHEMATHESIS_DATABASE_URL: a PostgreSQL database of its own instead of SQLite.
# SCHEMATHESIS_POSTGRES_URL: a server of PostgreSQL; with --minutes every second run is on it, in a
# database of its own (SCHEMATHESIS_SQLITE=no: every run).
. "$(dirname "$0")/lib.sh"

minutes=
if [ "${1:-}" = --minutes ]; then
  minutes=$2
  shift 2
fi

# Outside the clone: made once per version of the tool and of Python.
requirements=$PWD/scripts/schemathesis/requirements.txt
kept=$(python3 -c 'import hashlib, sys; print("%d.%d-%s" % (*sys.version_info[:2], hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest()[:12]))' "$requirements")
venv=${XDG_CACHE_HOME:-$HOME/.cache}/rejoinder/schemathesis-$kept
if [ ! -e "$venv/made" ]; then
  say "Installing Schemathesis into $venv"
  rm -rf "$venv"
  # Debian keeps venv in a package of its own.
  if ! python3 -c 'import ensurepip, venv' 2>/dev/null && on_debian_as_root; then
    apt_install python3-venv
  fi
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
  touch "$venv/made"
fi

for program in rejoinder scripted-model; do
  [ -x "target/debug/$program" ] || cargo build -p rejoinder -p rejoinder-testkit --bin "$program"
done

reports=$(mktemp -d "${TMPDIR:-/tmp}/rejoinder-schema-reports.XXXXXX")
trap 'rm -rf "$reports"' EXIT
export SCHEMATHESIS_REPORTS=$reports

checks=all phases=examples,coverage,fuzzing,stateful
if ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  # Its other checks are wrong often: it calls valid data invalid (`null` where null is allowed), and
  # sends headers that are no HTTP.
  say "Python before 3.11 has an older Schemathesis: without its checks of the document"
  checks=not_a_server_error,nothing_of_somebody_else,every_refusal_is_a_problem
  phases=examples,fuzzing,stateful
fi

attack() {
  "$venv/bin/python" scripts/schemathesis/run.py --no-color --checks "$checks" --phases "$phases" \
    --continue-on-failure "$@"
}

if [ -z "$minutes" ]; then
  # What a change broke shall show on that change; the long run looks for what nobody thought of.
  attack --max-examples 50 --seed 1 "$@"
else
  # One run after the other, each with a seed of its own. A finding does not end them.
  end=$((SECONDS + minutes * 60)) runs=0 on_postgres=0 found=0
  server=${SCHEMATHESIS_POSTGRES_URL:-}
  while [ "$SECONDS" -lt "$end" ]; do
    if [ -n "$server" ] && { [ $((runs % 2)) = 1 ] || [ "${SCHEMATHESIS_SQLITE:-}" = no ]; }; then
      name=schemathesis_$$_$runs
      psql --quiet --dbname="$server" --command="CREATE DATABASE $name"
      say "On PostgreSQL"
      SCHEMATHESIS_DATABASE_URL=${server%/*}/$name attack --max-examples 200 "$@" || found=$((found + 1))
      psql --quiet --dbname="$server" --command="DROP DATABASE $name WITH (FORCE)"
      on_postgres=$((on_postgres + 1))
    else
      attack --max-examples 200 "$@" || found=$((found + 1))
    fi
    runs=$((runs + 1))
  done
  say "$runs runs in $minutes minutes, $on_postgres of them on PostgreSQL; $found with findings"
  [ "$found" = 0 ]
fi
