#!/usr/bin/env bash
# Generating again must change nothing: neither tracked files nor the list of untracked ones.
. "$(dirname "$0")/lib.sh"
state() {
  git status --porcelain
  git diff
}
before=$(state)
scripts/gen.sh
after=$(state)
if [ "$before" != "$after" ]; then
  say "Generated files were out of date; they are up to date now. Commit them:"
  diff <(printf '%s\n' "$before") <(printf '%s\n' "$after") | head -n 60 || true
  exit 1
fi
