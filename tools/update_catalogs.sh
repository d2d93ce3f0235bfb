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

header() { # of a catalogue that does not exist yet
  cat <<'TXT'
# What a person reads in English; the message itself is the Japanese of the sources.
msgid ""
msgstr ""
"Project-Id-Version: ownersclub-idp\n"
"POT-Creation-Date: 2026-01-01 00:00+0000\n"
"Language: en\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"
TXT
}

update() { # folder of the translations, then where its messages are
  local translations=$1 catalog=$1/en/LC_MESSAGES/messages.po
  shift
  # --ignore-dirs: Babel would pass over _macros, as over every folder whose name begins with "_".
  pybabel extract --mapping babel.cfg --ignore-dirs ".*" --keywords "_l lazy_gettext lazy_ngettext:1,2" --no-location --sort-output \
    --project "ownersclub-idp" --output-file "$template" "$@"
  if [ ! -f "$catalog" ]; then
    mkdir -p "$(dirname "$catalog")"
    header >"$catalog"
  fi
  pybabel update --locale en --input-file "$template" --output-file "$catalog" \
    --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date --no-wrap
  # Babel adds fields that nobody fills in. The date stays as it is: today's would make every run a change.
  sed -i -E -e '/^"(Report-Msgid-Bugs-To|PO-Revision-Date|Last-Translator|Language-Team|Generated-By):/d' \
    -e 's/^("Project-Id-Version:)  /\1 /' "$catalog"
  pybabel compile --input-file "$catalog" --output-file "${catalog%.po}.mo"
}

update idp/translations idp templates
update clients/relying_party/translations clients
