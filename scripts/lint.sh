#!/usr/bin/env bash
# What CI refuses to take. Each tool says what is wrong and where.
. "$(dirname "$0")/lib.sh"
cargo fmt --all --check
cargo clippy --workspace --exclude rejoinder-local-model --all-targets -- -D warnings
if have cargo-deny; then
  cargo deny --offline check licenses bans sources
fi
scripts/check-sh.sh
npm --prefix web run lint
