#!/usr/bin/env bash
# The journeys of e2e/ in Chromium, against the real binary and the scripted model.
. "$(dirname "$0")/lib.sh"
cd e2e
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
  # The browser is the system's: a download of its own would fail on closed networks.
  PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund
fi
npm run --silent lint
npx --no-install playwright test "$@"
