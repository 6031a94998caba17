#!/usr/bin/env bash
# The scripts themselves: what can be seen of them, and what they do on a bad day.
. "$(dirname "$0")/lib.sh"
scripts/check-sh.sh
for test in scripts/tests/*.py; do
  python3 "$test"
done
