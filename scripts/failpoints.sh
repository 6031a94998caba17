#!/usr/bin/env bash
# The binary that dies where it is told to (crates/agent/src/failpoints.rs) and works without the
# mechanism that it is told to leave out (crates/domain/src/sabotage.rs), beside the ordinary one.
# Arguments: the packages and features of the ordinary build, so that little is compiled twice.
. "$(dirname "$0")/lib.sh"
cargo build "$@" --features rejoinder/failpoints,rejoinder/sabotage --bin rejoinder
mkdir -p target/failpoints
cp target/debug/rejoinder target/failpoints/rejoinder
