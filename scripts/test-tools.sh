#!/usr/bin/env bash
# What the tests need besides the prerequisites: PostgreSQL, Chromium, strace, libfaketime, and the
# engine's tools.
. "$(dirname "$0")/lib.sh"
packages=(postgresql chromium strace libfaketime "${ENGINE_PACKAGES[@]}")
if on_debian_as_root; then
  apt_install "${packages[@]}"
fi

missing=()
{ have initdb || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; } || missing+=("PostgreSQL 15")
[ -n "${CHROMIUM:-}" ] || have chromium || have chromium-browser || have google-chrome ||
  missing+=("Chromium (or its path in CHROMIUM)")
have strace || missing+=("strace (the tests of failing disks)")
ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || missing+=("libfaketime")
engine_buildable || missing+=("cmake and libclang")
if [ ${#missing[@]} -gt 0 ]; then
  say "The tests also need:"
  printf '  - %s\n' "${missing[@]}"
  say "On Debian: apt-get install ${packages[*]}"
  exit 1
fi
