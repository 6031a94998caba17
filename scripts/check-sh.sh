#!/usr/bin/env bash
# Every shell script parses, is executable and stops at errors.
. "$(dirname "$0")/lib.sh"
bad=0
for script in scripts/*.sh .ci/run; do
  bash -n "$script" || bad=1
  [ "$script" = scripts/lib.sh ] || [ -x "$script" ] || { say "$script is not executable"; bad=1; }
done
if have shellcheck; then
  shellcheck --external-sources --source-path=SCRIPTDIR --severity=warning scripts/*.sh || bad=1
fi
exit "$bad"
