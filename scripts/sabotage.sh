#!/usr/bin/env bash
# A proof that cannot fail proves nothing. For each mechanism: its promise is kept by the binary as it
# is, and broken, in the promise's own words, by the same binary with the mechanism turned off
# (crates/domain/src/sabotage.rs). A promise that stays kept, or breaks in other words, fails the run.
# Arguments: some mechanisms; without them all. SABOTAGE_CARGO: arguments for cargo, as in test.sh.
. "$(dirname "$0")/lib.sh"

# mechanism | test (module of chaos/tests/promises) | the words in which it breaks
TABLE='
ack_after_commit   | p1_acknowledged::sqlite  | acknowledged messages are lost
persist_before_say | p3_seen::sqlite          | what was seen is gone
fence              | p13_paused::postgres     | a late write was let in
dedupe             | p2_same_key::sqlite      | sending again made a second message
intent_before_call | p5_witnessed::sqlite     | the effect happened 2 times
bounded_queue      | p10_slow_readers::sqlite | memory grew by [0-9]* KiB under
ownership          | ownership::sqlite        | open to a stranger
one_active_run     | p6_at_once::sqlite       | answers at once in one conversation
'
LANES=${SABOTAGE_LANES:-3}
# Seconds for one promise; several of them at a time, on a machine that may be slow.
PATIENCE=480

export REJOINDER_BIN=${REJOINDER_FAILPOINT_BIN:-$PWD/target/failpoints/rejoinder}
[ -x "$REJOINDER_BIN" ] || fail "there is no $REJOINDER_BIN: scripts/failpoints.sh -p rejoinder"
[ -n "${REJOINDER_TEST_POSTGRES_URL:-}" ] ||
  fail "REJOINDER_TEST_POSTGRES_URL is not set: scripts/postgres.sh start FOLDER prints one"

read -r -a arguments <<<"${SABOTAGE_CARGO:--p rejoinder-chaos}"
say "Building the promises"
promises=$(cargo test "${arguments[@]}" --test promises --no-run --message-format=json |
  python3 -c 'import json, sys
for line in sys.stdin:
    built = json.loads(line)
    if built.get("executable") and built["target"]["name"] == "promises":
        print(built["executable"])')
[ -x "$promises" ] || fail "the promises were not built"

work=$(mktemp -d "${TMPDIR:-/tmp}/rejoinder-sabotage.XXXXXX")
trap 'rm -rf "$work"' EXIT

# try MECHANISM TEST WORDS: leaves its line of the table in a file of its own.
try() {
  local mechanism=$1 test=$2 words=$3 kept=broken broken=kept verdict=FAILED
  local with=$work/$1.with without=$work/$1.without
  # One test must run: a name that fits none would pass.
  timeout "$PATIENCE" "$promises" --exact --nocapture "$test" >"$with" 2>&1 &&
    grep -q '^test result: ok. 1 passed' "$with" && kept=kept
  if ! REJOINDER_SABOTAGE=$mechanism timeout "$PATIENCE" "$promises" --exact --nocapture "$test" >"$without" 2>&1; then
    broken='broken otherwise'
    grep -q "$words" "$without" && broken=broken
  fi
  [ "$kept $broken" = "kept broken" ] && verdict=ok
  printf '%-20s %-26s %-10s %-18s %s\n' "$mechanism" "$test" "$kept" "$broken" "$verdict" >"$work/$1.line"
  [ "$verdict" = FAILED ] || printf '  %s\n' "$(grep -m 1 "$words" "$without")" >>"$work/$1.line"
}

count=0
mechanisms=()
while IFS='|' read -r mechanism test words; do
  mechanism=${mechanism// /} test=${test// /} words=$(sed 's/^ *//; s/ *$//' <<<"$words")
  [ -n "$mechanism" ] || continue
  [ $# = 0 ] || [[ " $* " == *" $mechanism "* ]] || continue
  mechanisms+=("$mechanism")
  while [ "$(jobs -rp | wc -l)" -ge "$LANES" ]; do wait -n; done
  try "$mechanism" "$test" "$words" &
  count=$((count + 1))
done <<<"$TABLE"
wait
[ "$count" -gt 0 ] || fail "none of these mechanisms is in the table: $*"

failed=0
printf '\n%-20s %-26s %-10s %-18s\n' 'turned off' 'promise' 'with it' 'without it'
for mechanism in "${mechanisms[@]}"; do
  cat "$work/$mechanism.line"
  grep -q ' ok$' "$work/$mechanism.line" && continue
  failed=$((failed + 1))
  for run in with without; do
    printf '  --- %s it:\n' "$run"
    tail -n 15 "$work/$mechanism.$run" | sed 's/^/  /'
  done
done
printf '\n%s\n' "$((count - failed)) of $count mechanisms are seen to be needed"
[ "$failed" = 0 ]
