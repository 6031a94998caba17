#!/usr/bin/env bash
# Writes the generated files that are committed: the OpenAPI document out of the server's types,
# the page's API types out of the document, and the golden pages of docs/wire out of what the server
# says.
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
# With a binary of `make test` their own tests, which run there anyway, say whether they are right.
if [ -z "${REJOINDER_BIN:-}" ]; then
  REJOINDER_GOLDEN="write" cargo test --quiet -p rejoinder-testkit --test it -- \
    wire::frames wire::rest wire::streams
fi
