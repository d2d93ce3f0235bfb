#!/usr/bin/env bash
# Brings both English catalogues up to date with the Japanese of the sources, then compiles them.
#
# A new message arrives untranslated, one that is no longer used leaves; nothing is guessed (no fuzzy entries).
# tests/house/test_catalogues.py fails until every message has its English.
set -euo pipefail
cd "$(dirname "$0")/.."
pybabel() { .venv/bin/pybabel --quiet "$@"; }

template=$(mktemp)
trap 'rm -f "$template"' EXIT

update() { # folder of the translations, then where its messages are
  local translations=$1 catalog=$1/en/LC_MESSAGES/messages.po
  shift
  pybabel extract --mapping babel.cfg --keywords "_l lazy_gettext lazy_ngettext:1,2" --no-location --sort-output \
    --project "ownersclub-idp" --output-file "$template" "$@"
  if [ -f "$catalog" ]; then
    pybabel update --locale en --input-file "$template" --output-file "$catalog" \
      --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --no-wrap
  else
    pybabel init --locale en --input-file "$template" --output-file "$catalog" --no-wrap
  fi
  pybabel compile --input-file "$catalog" --output-file "${catalog%.po}.mo"
}

update idp/translations idp templates
update clients/relying_party/translations clients
