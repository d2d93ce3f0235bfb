#!/usr/bin/env bash
# Makes what a target needs, once, and says in plain English what to do when it cannot.
#
# usage: tools/bootstrap.sh runtime | postgres | dev | browser | foreign
#   runtime   .venv with the packages that the demo needs
#   postgres  .venv with those and a PostgreSQL server, for `make demo DB=postgres`
#   dev       .venv with all of it and the tools of `make test` and `make check`
#   browser   Chromium and Japanese fonts from Debian, for the tests in a real browser
#   foreign   Node.js with two OpenID Connect clients, and Apache with mod_auth_openidc, which sign in at the server
#
# A finished .venv carries a stamp with the digest of its lock file and of its place. The stamp is written last and
# removed first, so an interrupted installation is never taken for a finished one, and a second run costs nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
unset PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_ROOT

stop() { # what is wrong, then what to do: one argument a line
  printf '\n' >&2
  printf '%s\n' "$@" >&2
  exit 1
}

say() { printf '%s\n' "$*" >&2; }

# --- Debian packages ------------------------------------------------------------------------------------------------

install_debian_packages() { # what they are for, then their names
  local purpose=$1 as_root=() output
  shift
  local by_hand="sudo apt-get update && sudo apt-get install -y $*"
  command -v apt-get >/dev/null ||
    stop "$purpose: install the counterparts of these Debian packages with your system's own tool: $*." "Then run make again."
  if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
      as_root=(sudo)
    else
      stop "$purpose: these Debian packages are missing: $*." \
        "Ask an administrator of this machine to run:" "    $by_hand" "Then run make again."
    fi
  fi
  say "$purpose: installing the Debian packages $* ..."
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120)
  # A failed update is not the end: the lists at hand may be good enough.
  "${apt[@]}" update >/dev/null 2>&1 || true
  if ! output=$("${apt[@]}" install -y --no-install-recommends "$@" 2>&1 </dev/null); then
    printf '%s\n' "$output" | grep -E '^E: ' | tail -n 5 >&2 || true
    stop "$purpose: apt-get could not install $*." \
      "Check the network and the disk space, try it by hand, then run make again:" "    $by_hand"
  fi
}

# --- Python ---------------------------------------------------------------------------------------------------------

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
can_make_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

find_python() { # sets $python; prefers one that needs no further Debian package
  local candidate found=""
  local candidates=(python3.11 python3 python3.12 python3.13 python3.14)
  if [ -n "${PYTHON:-}" ]; then candidates=("$PYTHON"); fi
  for candidate in "${candidates[@]}"; do
    is_new_enough "$candidate" || continue
    if can_make_venv "$candidate"; then
      python=$candidate
      return
    fi
    found=${found:-$candidate}
  done
  python=$found
  [ -n "$python" ] || refuse_python "${candidates[@]}"
}

refuse_python() { # the names that were tried
  local candidate version
  for candidate in "$@"; do
    version=$("$candidate" -c 'import platform; print(platform.python_version())' 2>/dev/null) || continue
    stop "This project needs Python 3.11 or newer, and $candidate is Python $version." \
      "On Debian 12 or newer: sudo apt-get install -y python3 python3-venv" \
      "Or name another one: make PYTHON=/path/to/python3.11 demo"
  done
  stop "Python was not found (looked for: $*)." \
    "On Debian 12 or newer: sudo apt-get install -y python3 python3-venv" "Then run make again."
}

add_venv_module() { # Debian ships venv's other half, ensurepip, in a package of its own
  local version
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  install_debian_packages "Python $version cannot make a virtual environment yet" "python$version-venv"
  can_make_venv "$python" ||
    stop "$python still cannot make a virtual environment: its modules venv and ensurepip are missing." \
      "Name a complete Python 3.11 or newer: make PYTHON=/path/to/python3.11 demo"
}

# --- .venv ----------------------------------------------------------------------------------------------------------

stamp_text() { # lock name: the digest of the lock, and the place, because a moved .venv does not work
  sha256sum "requirements/$1.txt"
  pwd -P
}

is_complete() { # lock name
  [ -f ".venv/complete-$1" ] && [ "$(cat ".venv/complete-$1")" = "$(stamp_text "$1")" ] && is_new_enough .venv/bin/python
}

make_venv() {
  find_python
  can_make_venv "$python" || add_venv_module
  if ! "$python" -m venv --clear .venv >"$log" 2>&1; then
    refuse_full_disk
    tail -n 5 "$log" >&2
    stop "The virtual environment .venv could not be made with $python." \
      "Remove the folder .venv, check the disk space and the owner of this folder, then run make again."
  fi
}

install_lock() { # lock name
  local lock=requirements/$1.txt started=$SECONDS
  say "Installing the packages of $lock into .venv (a minute or so, only the first time) ..."
  if ! PIP_USER=0 PIP_RETRIES=${PIP_RETRIES:-2} .venv/bin/python -m pip --disable-pip-version-check --no-input \
    install --quiet --no-warn-script-location --require-hashes --requirement "$lock" >"$log" 2>&1 </dev/null; then
    explain_pip_failure "$lock"
  fi
  say "Installed in $((SECONDS - started)) seconds."
}

refuse_full_disk() {
  ! grep -qE 'No space left on device|Errno 28|Disk quota exceeded' "$log" ||
    stop "The disk is full: about 500 MB are needed here and some more in the temporary folder." \
      "Free some space, then run make again."
}

explain_pip_failure() { # lock file
  refuse_full_disk
  if grep -q 'Operation cancelled' "$log"; then
    stop "Interrupted: .venv is not finished. Run make again, and it starts afresh."
  elif grep -qE 'DO NOT MATCH THE HASHES|MISMATCHED' "$log"; then
    stop "A downloaded package is not the one that $1 names, so it was not installed." \
      "A proxy or a package mirror may have changed it. Try again, or from another network."
  elif grep -qE 'CERTIFICATE_VERIFY_FAILED|SSLError' "$log"; then
    stop "The packages could not be downloaded: the certificate of the package index is not trusted here." \
      "If your network has a certificate of its own, set PIP_CERT to its file, then run make again."
  elif grep -qE 'NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|ConnectionResetError|Connection (refused|reset)|name resolution|Name or service not known|Network is unreachable|from versions: none' "$log"; then
    stop "The packages could not be downloaded: the package index cannot be reached." \
      "Check the network (or set HTTPS_PROXY or PIP_INDEX_URL for yours), then run make again."
  elif grep -qE 'Python\.h|ffi\.h|pyconfig\.h|command .*(gcc|cc|clang|c\+\+).* failed|unable to execute|No such file or directory: .(gcc|cc)|compiler' "$log"; then
    stop "One package has no ready-made build for this machine, and it could not be compiled here." \
      "Install a compiler and the Python headers, then run make again:" \
      "    sudo apt-get install -y build-essential python3-dev libffi-dev libssl-dev"
  elif grep -qE 'Permission denied|Read-only file system' "$log"; then
    stop "The packages could not be written into .venv." \
      "Remove the folder .venv, make sure that this folder is yours, then run make again."
  fi
  grep -E '^ *ERROR' "$log" | tail -n 5 >&2 || tail -n 5 "$log" >&2
  stop "The packages of $1 could not be installed; the lines above are the installer's own words, the rest is in $log." \
    "Run make again; if it says the same, the lock file does not suit this machine's Python."
}

prepare_venv() { # lock name
  is_complete "$1" && return
  [ "$1" != postgres ] || ! is_complete dev || return 0 # the tools include the server
  [ -w . ] ||
    stop "This folder cannot be written to: $PWD" "Clone the project into a folder of your own, then run make there."
  # Two targets started at once would install over each other; the second waits, then finds the work done.
  exec 9<.
  flock 9
  is_complete "$1" && return
  if [ "$1" != runtime ] && is_complete runtime; then
    # The other locks are resolved against the runtime's, so they only add to what is there.
    rm -f .venv/complete-*
  else
    # A link would have its target emptied, which may be somebody else's.
    if [ -L .venv ]; then rm .venv; fi
    rm -f .venv/complete-*
    log=$(mktemp)
    make_venv
    rm -f "$log"
  fi
  log=.venv/install.log
  install_lock "$1"
  rm -f "$log"
  stamp_text runtime >.venv/complete-runtime
  [ "$1" = runtime ] || stamp_text "$1" >".venv/complete-$1"
}

# --- the browser ----------------------------------------------------------------------------------------------------

prepare_browser() {
  local missing=()
  command -v chromium >/dev/null || missing+=(chromium)
  if ! command -v fc-list >/dev/null || [ -z "$(fc-list :lang=ja)" ]; then missing+=(fonts-noto-cjk); fi
  [ "${#missing[@]}" = 0 ] || install_debian_packages "The tests use a real browser" "${missing[@]}"
}

# --- clients that others wrote --------------------------------------------------------------------------------------

node_folder=tests/foreign/node
apache_module=/usr/lib/apache2/modules/mod_auth_openidc.so

prepare_foreign() {
  local missing=()
  command -v node >/dev/null || missing+=(nodejs)
  command -v npm >/dev/null || missing+=(npm)
  # The package apache2 would also start a web server on port 80.
  [ -x /usr/sbin/apache2 ] || missing+=(apache2-bin)
  [ -f "$apache_module" ] || missing+=(libapache2-mod-auth-openidc)
  [ "${#missing[@]}" = 0 ] || install_debian_packages "The tests sign in with clients that others wrote" "${missing[@]}"
  local stamp=$node_folder/node_modules/.complete lock=$node_folder/package-lock.json
  [ "$(cat "$stamp" 2>/dev/null)" != "$(sha256sum "$lock")" ] || return 0
  say "Installing the packages of $lock ..."
  log=$(mktemp)
  if ! npm ci --prefix "$node_folder" --ignore-scripts --no-audit --no-fund >"$log" 2>&1 </dev/null; then
    refuse_full_disk
    grep -iE '^npm (ERR!|error)' "$log" | head -n 5 >&2 || tail -n 5 "$log" >&2
    stop "npm could not install the packages of $lock." \
      "Check the network (or name your registry: npm config set registry ...), then run make again."
  fi
  rm -f "$log"
  sha256sum "$lock" >"$stamp"
}

case "${1:-}" in
  runtime | postgres | dev) prepare_venv "$1" ;;
  browser) prepare_browser ;;
  foreign) prepare_foreign ;;
  *) stop "usage: tools/bootstrap.sh runtime | postgres | dev | browser | foreign" ;;
esac
