#!/usr/bin/env bash
# The binary that dies where it is told to (crates/agent/src/failpoints.rs), beside the ordinary one.
# Arguments: the packages and features of the ordinary build, so that little is compiled twice.
. "$(dirname "$0")/lib.sh"
cargo build "$@" --features rejoinder/failpoints --bin rejoinder
mkdir -p target/failpoints
cp target/debug/rejoinder target/failpoints/rejoinder
