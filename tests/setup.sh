#!/usr/bin/env bash
# Installs what this project needs beside Rust on a fresh Debian 12, and only what is
# missing:
#
#   tests/setup.sh demo    what `make demo` needs: HAProxy, a C compiler, OpenSSL, git
#   tests/setup.sh test    also what the tests and tests/haproxy.sh need
#
# It looks for the programs, not for the packages, so that what came from elsewhere
# counts too. When all is there it does nothing and needs no root; otherwise it calls
# apt-get, through sudo for other users than root.
set -euo pipefail

sets="${1-}"
case $sets in
  demo) ;;
  test) sets="demo test" ;;
  *) echo "usage: ${0##*/} demo|test" >&2; exit 2 ;;
esac

# Debian keeps haproxy in /usr/sbin, which is in the path of root only.
PATH=$PATH:/usr/sbin:/sbin

packages=()
# want PACKAGE TEST...: PACKAGE is missing when TEST fails.
want() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || packages+=("$package")
}
has() { command -v "$1"; }
compiles() { echo '#include <stdio.h>' | cc -E -; }
finds_certificates() { [ -s /etc/ssl/certs/ca-certificates.crt ]; }
fakes_time() { ls /usr/lib/*/faketime/libfaketimeMT.so.1; }

for set in $sets; do
  case $set in
    demo)
      want haproxy has haproxy
      # Some crates build C: libgit2 and libssh2, and the cryptography of the tests.
      want gcc has cc
      want libc6-dev compiles
      want pkg-config has pkg-config
      want libssl-dev pkg-config --exists openssl
      want git has git
      ;;
    test)
      want make has make
      want curl has curl
      want openssl has openssl
      # Commits are signed and fetched in tests.
      want openssh-client has ssh-keygen
      want openssh-server has sshd
      want gnupg has gpg
      want gnupg-utils has gpgsplit
      want ca-certificates finds_certificates
      want patchelf has patchelf
      want python3 has python3
      # Checks the units in examples/systemd.
      want systemd has systemd-analyze
      # Reads what gw says at /metrics; by the Prometheus project.
      want python3-prometheus-client /usr/bin/python3 -c 'import prometheus_client'
      want python3-pip python3 -m pip --version
      # Tells gw another time.
      want faketime fakes_time
      ;;
  esac
done

if ! command -v cargo >/dev/null && [ ! -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
  echo "setup.sh: cargo is missing: install Rust with rustup first" >&2
  exit 1
fi
[ ${#packages[@]} -gt 0 ] || exit 0

echo "setup.sh: installing ${packages[*]}" >&2
if ! command -v apt-get >/dev/null; then
  echo "setup.sh: no apt-get here; install these yourself: ${packages[*]}" >&2
  exit 1
fi
root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "setup.sh: run as root, there is no sudo: apt-get install ${packages[*]}" >&2
    exit 1
  fi
  root=(sudo)
fi

# Debian starts a service as soon as its package is unpacked. The tests start HAProxy and
# sshd processes of their own, so refuse that while installing, unless this machine has a
# policy already (containers do).
policy=/usr/sbin/policy-rc.d
if [[ " ${packages[*]} " =~ \ (haproxy|openssh-server)\  ]] && [ ! -e "$policy" ]; then
  trap '"${root[@]}" rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
  "${root[@]}" chmod 755 "$policy"
fi

# With stale package lists the versions they name may be gone from the mirror.
"${root[@]}" apt-get update --quiet=2
"${root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install --yes --quiet=2 --no-install-recommends "${packages[@]}"
