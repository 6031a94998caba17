#!/usr/bin/env bash
# Everything that proves it works. Without arguments all stages; with arguments those named.
# A stage that fails does not hide the next. The last line is `N passed, N failed`.
. "$(dirname "$0")/lib.sh"
exec </dev/null

ALL=(tools format scripts clippy deny web-install web-lint web-unit web-build failpoints build
  postgres model rust rust-pg doc gen schema browser kill crash promises sabotage)
wanted=("${@:-${ALL[@]}}")
PROMISED_MINUTES=45
everything=$([ $# = 0 ] && echo yes || echo no)

work=$(mktemp -d "${TMPDIR:-/tmp}/rejoinder-test.XXXXXX")
# PostgreSQL runs as another user and must be able to enter.
chmod 755 "$work"
cleanup() {
  scripts/postgres.sh stop "$work/postgres" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

passed=0 failed=0 skipped=0 table=() broken=()

# On a terminal Ctrl-C must reach what runs; elsewhere a stage that hangs must end with everything
# that it started.
limit=(timeout --kill-after=20)
[ -t 1 ] && limit+=(--foreground)

chosen() {
  local name
  for name in "${wanted[@]}"; do [ "$name" = "$1" ] && return 0; done
  return 1
}

# stage NAME MINUTES COUNTER COMMAND…
# COUNTER is `-` (the stage itself is one check), `cargo` (its log is read), or `KIND:REPORT`.
stage() {
  local name=$1 minutes=$2 counter=$3
  shift 3
  chosen "$name" || return 0
  printf '\n=== %s ===\n' "$name"
  local log=$work/$name.log start=$SECONDS code=0
  "${limit[@]}" "${minutes}m" "$@" 2>&1 | tee "$log" || code=$?
  local good=0 bad=0 left=0 counts=() line
  case $counter in
    -) [ "$code" = 0 ] && good=1 || bad=1 ;;
    cargo) mapfile -t counts < <(python3 scripts/count.py cargo "$log") ;;
    *) mapfile -t counts < <(python3 scripts/count.py "${counter%%:*}" "${counter#*:}") ;;
  esac
  [ "${#counts[@]}" = 0 ] || read -r good bad left <<<"${counts[0]}"
  for line in "${counts[@]:1}"; do broken+=("$name: $line"); done
  # It broke before or beside its tests.
  [ "$code" != 0 ] && [ "$bad" = 0 ] && bad=1
  # A runner that ran nothing proves nothing; only documentation may have no examples.
  [ "$code" = 0 ] && [ "$good" = 0 ] && [ "$bad" = 0 ] && [ "$name" != doc ] && bad=1
  [ "$code" = 124 ] && say "$name: not done after $minutes minutes, ended"
  if [ "$bad" != 0 ] && [ "${#counts[@]}" -le 1 ]; then
    broken+=("$name: exit code $code")
    while IFS= read -r line; do broken+=("  $line"); done < <(tail -n 15 "$log")
  fi
  passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + left))
  table+=("$(printf '%-12s %5d s %6d passed %4d failed %4d skipped' \
    "$name" $((SECONDS - start)) "$good" "$bad" "$left")")
  [ "$code" = 0 ]
}

finish() {
  printf '\n=== time ===\n'
  printf '%s\n' "${table[@]}"
  printf '%-12s %5d s\n\n' total "$SECONDS"
  # What docs/promises.md says of all stages on two cores. A slow machine is no fault.
  if [ "$everything" = yes ] && [ "$SECONDS" -gt $((PROMISED_MINUTES * 60)) ]; then
    say "warning: all of it took $((SECONDS / 60)) minutes; on two cores it should be $PROMISED_MINUTES at most" ''
  fi
  # Repeated here, because a log is often read from its end.
  [ "${#broken[@]}" = 0 ] || printf '%s\n' "${broken[@]}" ''
  say "$passed passed, $failed failed"
  [ "$failed" = 0 ] && exit 0
  exit 1
}

# Whoever runs some stages only should not have to name the servers that they need.
if { chosen rust || chosen rust-pg || chosen kill || chosen crash || chosen promises || chosen sabotage; } && ! chosen postgres; then wanted+=(postgres); fi

if ! check_prerequisites; then
  failed=1
  finish
fi

stage tools 15 - scripts/test-tools.sh || finish
# Even when the stage was left out: Debian's and common places of the browser.
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
export CHROMIUM

# One set of packages and features for building and testing: with another one cargo would compile
# the whole tree again.
if engine_buildable; then
  build=(--workspace --features rejoinder/local)
else
  build=(--workspace --exclude rejoinder-local-model)
fi
export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-$([ -n "${CI:-}" ] && echo 0 || echo 1)}
export REJOINDER_BIN=$PWD/target/debug/rejoinder SCRIPTED_MODEL_BIN=$PWD/target/debug/scripted-model
# Kept between clones, so that a checked model is not fetched again.
export REJOINDER_TEST_MODELS=${REJOINDER_TEST_MODELS:-${XDG_CACHE_HOME:-$HOME/.cache}/rejoinder/models}

stage format 2 - cargo fmt --all --check || true
stage scripts 5 - scripts/test-scripts.sh || true
stage clippy 30 - cargo clippy --workspace --exclude rejoinder-local-model --all-targets -- -D warnings || true
# Its list of advisories can't be fetched everywhere; the rules that need none are checked where the
# tool is. The import table is checked in any case, by a test (testkit, tidy).
if have cargo-deny; then
  stage deny 5 - cargo deny --offline check licenses bans sources || true
fi

stage web-install 10 - npm --prefix web ci --no-audit --no-fund || true
stage web-lint 5 - npm --prefix web run lint || true
stage web-unit 10 "vitest:$work/vitest.json" \
  npm --prefix web run test -- --reporter=default --reporter=json --outputFile.json="$work/vitest.json" || true
stage web-build 5 - scripts/web.sh || true
# Tests of the page fail where there is none, instead of having nothing to look at.
! chosen web-build || export REJOINDER_TEST_PAGE=built

# Before the ordinary build, which then puts the ordinary binary back.
export REJOINDER_FAILPOINT_BIN=$PWD/target/failpoints/rejoinder
stage failpoints 45 - scripts/failpoints.sh "${build[@]}" || true
stage build 45 - cargo build "${build[@]}" --all-targets || true

if stage postgres 2 - scripts/postgres.sh start "$work/postgres" && chosen postgres; then
  REJOINDER_TEST_POSTGRES_URL=$(tail -n 1 "$work/postgres.log")
  export REJOINDER_TEST_POSTGRES_URL
fi
stage model 15 - scripts/model.sh "$REJOINDER_TEST_MODELS" || true
# The engine's own tests run on the real file where there is one.
for file in "$REJOINDER_TEST_MODELS"/*.gguf; do
  [ -f "$file" ] && export REJOINDER_TEST_MODEL=$file
done
if have cargo-nextest; then
  stage rust 30 cargo cargo nextest run "${build[@]}" --no-fail-fast -E 'not binary(promises)' || true
else
  stage rust 30 cargo cargo test "${build[@]}" --no-fail-fast --lib --bins --test it || true
fi
# The tests of HTTP, sockets and faults again, their servers on PostgreSQL. Approvals and the matrix of
# ownership walk both databases by themselves.
export REJOINDER_TEST_DATABASE=postgres
if have cargo-nextest; then
  stage rust-pg 20 cargo cargo nextest run "${build[@]}" --no-fail-fast -E "kind(test) & \
    (package(rejoinder-server) | (package(rejoinder-testkit) & test(/^(agent|queue|wire)::/))) \
    - test(/^ownership::/)" || true
else
  stage rust-pg 20 cargo cargo test "${build[@]}" --no-fail-fast --test it || true
fi
unset REJOINDER_TEST_DATABASE
stage doc 20 cargo cargo test "${build[@]}" --doc || true

stage gen 10 - scripts/gen-drift.sh || true
stage schema 15 - scripts/schemathesis.sh || true
stage browser 20 "playwright:$work/playwright.json" \
  env PLAYWRIGHT_JSON_OUTPUT_FILE="$work/playwright.json" scripts/browser.sh || true
# chaos/: the promises against the real binary. What a stage of its own runs, `promises` leaves out.
# promises NAME MINUTES THREADS FILTER… (arguments of the test binary)
promises() {
  local name=$1 minutes=$2 threads=$3
  shift 3
  stage "$name" "$minutes" cargo cargo test "${build[@]}" --no-fail-fast --test promises -- \
    --nocapture --test-threads="$threads" "$@" || true
}
# Both databases at once: PostgreSQL's trials mostly wait for a dead node's leases. (The matrix runs
# several trials at once by itself.)
promises kill 20 2 p1_p2_p4_kills::
promises crash 15 1 p4_matrix::
promises promises 20 2 --skip p1_p2_p4_kills:: --skip p4_matrix::

# That these tests can fail: each mechanism turned off breaks its promise.
stage sabotage 25 - env SABOTAGE_CARGO="${build[*]}" scripts/sabotage.sh || true

finish
