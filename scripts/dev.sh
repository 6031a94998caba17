#!/usr/bin/env bash
# A debug server and the page with hot reload, side by side; ends with the first of them.
. "$(dirname "$0")/lib.sh"
check_prerequisites || exit 1
if [ ! web/node_modules/.package-lock.json -nt web/package-lock.json ]; then
  npm --prefix web ci --no-audit --no-fund
fi
cargo build -p rejoinder
mkdir -p .data
# The page is served by the development server, so its origin is the one to allow.
target/debug/rejoinder serve --data-dir .data --public-url http://localhost:5173 "$@" &
server=$!
npm --prefix web run dev &
page=$!
trap 'kill "$server" "$page" 2>/dev/null || true' EXIT
wait -n || true
