#!/usr/bin/env bash
# Installs the page's packages and builds it into web/dist; does nothing when that is up to date.
. "$(dirname "$0")/lib.sh"
cd web

# npm writes this file at the end of an installation: a cut one is done again.
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  npm ci --no-audit --no-fund
fi

changed=present
if [ -f dist/index.html ]; then
  changed=$(find . \( -name node_modules -o -path ./dist \) -prune \
    -o -type f -newer dist/index.html -print -quit)
fi
if [ -n "$changed" ]; then
  first=$([ -f dist/index.html ] || echo yes)
  npm run build
  # A server compiled without any page watches no file of it, and cargo would leave it so.
  [ -z "$first" ] || touch ../crates/server/src/page.rs
else
  say "The page is up to date."
fi
