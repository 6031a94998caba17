#!/usr/bin/env bash
. "$(dirname "$0")/lib.sh"
cargo fmt --all
(cd web && npx --no-install biome check --write)
