#!/usr/bin/env bash
# The long run, in parts (PARTS="kill matrix disk requests"):
#   kill      TRIALS kills per database (default 3000; with SEED, which repeats a group, 50)
#   matrix    death at every failpoint
#   disk      every write, sync, cut and open of the database's files fails once
#   requests  MINUTES (default 60) of requests made from the API's document, the databases in turn
# DATABASE is sqlite, postgres or both. A part that fails does not hide the next. Ends with an error
# when a promise was broken; what is kept then is named.
. "$(dirname "$0")/lib.sh"
database=${DATABASE:-both}
trials=${TRIALS:-$([ -n "${SEED:-}" ] && echo 50 || echo 3000)}
read -r -a parts <<<"${PARTS:-$([ -n "${SEED:-}" ] && echo kill || echo kill matrix disk requests)}"

work=$(mktemp -d "${TMPDIR:-/tmp}/rejoinder-chaos-postgres.XXXXXX")
# PostgreSQL runs as another user and must be able to enter.
chmod 755 "$work"
trap 'scripts/postgres.sh stop "$work/postgres" 2>/dev/null || true; rm -rf "$work"' EXIT
if [ "$database" != sqlite ] && [ -z "${REJOINDER_TEST_POSTGRES_URL:-}" ]; then
  REJOINDER_TEST_POSTGRES_URL=$(scripts/postgres.sh start "$work/postgres" | tail -n 1)
  export REJOINDER_TEST_POSTGRES_URL
fi

broken=()
part() {
  local name=$1
  shift
  printf '\n=== %s ===\n' "$name"
  "$@" || broken+=("$name")
}

case " ${parts[*]} " in *" matrix "*) scripts/failpoints.sh -p rejoinder ;; esac
# After it: the ordinary binary is put back.
cargo build -p rejoinder -p rejoinder-chaos -p rejoinder-testkit --bins
for name in "${parts[@]}"; do
  case $name in
    kill)
      arguments=(--database "$database" --trials "$trials")
      [ -z "${SEED:-}" ] || arguments+=(--seed "$SEED")
      part kill target/debug/chaos kill "${arguments[@]}"
      ;;
    matrix) part matrix target/debug/chaos matrix --database "$database" ;;
    disk) part disk target/debug/chaos disk ;;
    requests)
      if [ "$database" != sqlite ]; then
        export SCHEMATHESIS_POSTGRES_URL=$REJOINDER_TEST_POSTGRES_URL
      fi
      [ "$database" != postgres ] || export SCHEMATHESIS_SQLITE=no
      part requests scripts/schemathesis.sh --minutes "${MINUTES:-60}"
      ;;
    *) fail "there is no part $name: kill, matrix, disk, requests" ;;
  esac
done
if [ ${#broken[@]} -gt 0 ]; then
  say "broken: ${broken[*]}"
  exit 1
fi
say "kept: ${parts[*]}"
