#!/usr/bin/env bash
# Runs every static check, also after one has failed, and fails if any did. The house rules themselves are tests/house.
set -uo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.venv/bin:$PATH
failed=()

run() { # name, command
  local name=$1 output
  shift
  if output=$("$@" 2>&1 </dev/null); then
    echo "ok      $name"
  else
    echo "FAILED  $name: $*"
    printf '%s\n' "$output"
    failed+=("$name")
  fi
}

run lint ruff check .
run format ruff format --check .
run types mypy
run layers lint-imports --no-cache
run templates djlint --quiet --lint templates clients

if [ "${#failed[@]}" != 0 ]; then
  echo "Failed: ${failed[*]}"
  exit 1
fi
