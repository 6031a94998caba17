#!/usr/bin/env bash
# Writes the generated files that are committed: the OpenAPI document out of the server's types,
# and the page's API types out of the document.
. "$(dirname "$0")/lib.sh"
new=$(mktemp)
trap 'rm -f "$new"' EXIT
# REJOINDER_BIN: a binary that was built already.
if [ -n "${REJOINDER_BIN:-}" ]; then
  "$REJOINDER_BIN" openapi >"$new"
else
  cargo run --quiet -p rejoinder -- openapi >"$new"
fi
# Only a whole document replaces the old one.
cat "$new" >docs/openapi.json
npm --prefix web run gen
