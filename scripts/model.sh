#!/usr/bin/env bash
# Fetches the built-in model into `models/` of the data directory, or into the folder given.
. "$(dirname "$0")/lib.sh"
folder=${1:-$(data_dir)/models}
mkdir -p "$folder"
exec python3 scripts/fetch-model.py "$folder"
