# Shared by the scripts beside it; sourced, not run. Leaves the caller in the repository's root.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# version_at_least 20.19 v20.20.2
version_at_least() {
  local wanted=$1 found=${2#v}
  [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)" = "$wanted" ]
}

on_debian_as_root() { [ "$(id -u)" = 0 ] && have apt-get; }

# Installs what is missing of the named packages. Fails where it can't.
apt_install() {
  local missing=() package
  for package in "$@"; do
    # The status also knows packages that were removed but left their configuration.
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "Installing ${missing[*]}"
  apt-get update -qq
  # An older cached list names versions that are gone: hence the update first.
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
    </dev/null >/dev/null
}

# Says everything that is missing at once, so that nobody installs one thing per attempt.
check_prerequisites() {
  local problems=()
  have git || problems+=("git")
  have cc || have gcc || have clang || problems+=("a C compiler (Debian: build-essential)")
  have c++ || have g++ || have clang++ || problems+=("a C++ compiler (Debian: build-essential)")
  if ! have cargo; then
    problems+=("Rust 1.95 (rustup; rust-toolchain.toml names the version)")
  elif ! version_at_least 1.95 "$(rustc --version 2>/dev/null | cut -d' ' -f2)"; then
    problems+=("Rust 1.95; found: $(rustc --version 2>&1 | head -n 1)")
  fi
  if ! have node || ! have npm; then
    problems+=("Node 20.19 or newer with npm")
  elif ! version_at_least 20.19 "$(node --version)"; then
    problems+=("Node 20.19 or newer; found: $(node --version)")
  fi
  if ! have python3 || ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))'; then
    problems+=("Python 3.9 or newer")
  elif ! python3 -m pip --version >/dev/null 2>&1; then
    problems+=("pip for $(python3 --version) (Debian: python3-pip)")
  fi
  [ ${#problems[@]} -eq 0 ] && return 0
  say "These are needed and were not found:" >&2
  printf '  - %s\n' "${problems[@]}" >&2
  return 1
}

ENGINE_PACKAGES=(cmake libclang-dev clang)

has_libclang() {
  [ -n "${LIBCLANG_PATH:-}" ] && return 0
  local found
  # No pipe: `grep -q` would end ldconfig early, and pipefail would call that a failure.
  found=$(ls /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*/libclang*.so* \
    /opt/homebrew/opt/llvm/lib/libclang.dylib 2>/dev/null || true)
  [ -n "$found" ]
}

# True when the C++ engine of the built-in model can be built; installs its tools where it may.
engine_buildable() {
  if ! have cmake || ! has_libclang; then
    on_debian_as_root && apt_install "${ENGINE_PACKAGES[@]}" || true
  fi
  have cmake && has_libclang
}

# As the server decides it (crates/rejoinder/src/config/environment.rs).
data_dir() {
  local below=.local/share
  [ "$(uname)" = Darwin ] && below="Library/Application Support"
  printf '%s\n' "${REJOINDER_DATA_DIR:-${XDG_DATA_HOME:-$HOME/$below}/rejoinder}"
}
