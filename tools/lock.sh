#!/usr/bin/env bash
# Resolves pyproject.toml into the lock files, with hashes and without the name of any package index.
#
# usage: tools/lock.sh [--upgrade]
# postgres.txt and dev.txt are resolved against runtime.txt, so a machine that installs one has exactly what
# production has, plus a database server or the tools.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v uv >/dev/null; then
  echo "make lock needs uv. Install it with \`.venv/bin/python -m pip install uv\`, add .venv/bin to PATH, then run make lock again." >&2
  exit 1
fi

compile() { # output file, further arguments
  local output=$1
  shift
  uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links --output-file "$output" "$@" pyproject.toml >/dev/null
}

compile requirements/runtime.txt "$@"
compile requirements/postgres.txt --extra postgres --constraint requirements/runtime.txt "$@"
compile requirements/dev.txt --extra dev --constraint requirements/runtime.txt "$@"
