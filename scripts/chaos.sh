#!/usr/bin/env bash
# The long run: TRIALS kills per database (default 3000; with SEED one group of 50), DATABASE is
# sqlite, postgres or both. Ends with an error when a promise was broken; what is kept then is named.
. "$(dirname "$0")/lib.sh"
database=${DATABASE:-both}
trials=${TRIALS:-$([ -n "${SEED:-}" ] && echo 50 || echo 3000)}
arguments=(kill --database "$database" --trials "$trials")
[ -z "${SEED:-}" ] || arguments+=(--seed "$SEED")

cargo build -p rejoinder -p rejoinder-chaos
if [ "$database" != sqlite ] && [ -z "${REJOINDER_TEST_POSTGRES_URL:-}" ]; then
  work=$(mktemp -d "${TMPDIR:-/tmp}/rejoinder-chaos-postgres.XXXXXX")
  # PostgreSQL runs as another user and must be able to enter.
  chmod 755 "$work"
  trap 'scripts/postgres.sh stop "$work/postgres" 2>/dev/null || true; rm -rf "$work"' EXIT
  REJOINDER_TEST_POSTGRES_URL=$(scripts/postgres.sh start "$work/postgres" | tail -n 1)
  export REJOINDER_TEST_POSTGRES_URL
fi
target/debug/chaos "${arguments[@]}"
