#!/usr/bin/env bash
# Static checks, then all tests; a failed check does not keep the tests from running, nor a green run from failing.
#
# usage: tools/test.sh [pytest's arguments]
set -uo pipefail
cd "$(dirname "$0")/.."

checks=0
tools/check.sh || checks=$?
.venv/bin/python -m pytest -n 2 --dist loadgroup "$@" </dev/null || exit $?
exit "$checks"
