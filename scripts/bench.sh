#!/usr/bin/env bash
# The promises that are a matter of time (bench/README.md). Arguments go to the load generator.
# REJOINDER_BENCH_BIN names another server than the release build of this tree.
. "$(dirname "$0")/lib.sh"
bin=${REJOINDER_BENCH_BIN:-}
if [ -z "$bin" ]; then
  # The page is not what is measured, and neither is the built-in model.
  cargo build --release -p rejoinder
  bin=target/release/rejoinder
fi
cargo build --release -p rejoinder-bench
exec target/release/bench --bin "$bin" "$@"
