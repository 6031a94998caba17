#!/usr/bin/env bash
# From a fresh clone to a server that answers. Arguments go to `rejoinder serve`.
. "$(dirname "$0")/lib.sh"

check_prerequisites || exit 1

# The model goes where the server will look for it.
previous=
for argument in "$@"; do
  [ "$previous" = --data-dir ] && export REJOINDER_DATA_DIR=$argument
  case $argument in --data-dir=*) export REJOINDER_DATA_DIR=${argument#*=} ;; esac
  previous=$argument
done

scripts/web.sh

features=()
if engine_buildable; then
  features=(--features local)
else
  say "Building without the built-in model: it needs ${ENGINE_PACKAGES[*]} (Debian's names)."
  say "Install them and run this again, or connect a model as the README says."
fi
# The odd form: older shells call an empty list unset.
cargo build --release -p rejoinder ${features[@]+"${features[@]}"}

if [ ${#features[@]} -gt 0 ] && ! scripts/model.sh; then
  say "The built-in model could not be fetched. The server starts without it; connect a model as"
  say "the README says, or try again with: make model"
fi

# In the background, so that a TERM sent to this script reaches the server. Ctrl-C reaches it by
# itself; passing it on would be the second signal, which means "at once".
target/release/rejoinder serve "$@" &
server=$!
trap 'kill -TERM "$server" 2>/dev/null || true' TERM HUP
trap ':' INT
code=0
wait "$server" || code=$?
# A trapped signal ends `wait` early.
while kill -0 "$server" 2>/dev/null; do
  code=0
  wait "$server" || code=$?
done

if [ "$code" = 74 ]; then
  say "" >&2
  say "The server stopped itself: the disk failed while writing, and it no longer knows what was" >&2
  say "stored. Nothing that was acknowledged is lost as long as the disk keeps it. Look at the" >&2
  say "disk (free space, kernel log), then start again with: make run" >&2
  say "A supervisor (systemd: Restart=always) would restart it; make run does not." >&2
fi
exit "$code"
