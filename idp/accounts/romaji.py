"""Readings in Latin letters, only to recognise a person's own name in a password."""

import re
from typing import Final

_VOWELS: Final = "aiueo"
# One row a line: the consonant, then its five kana; a space where there is none.
_ROWS: Final = """
 アイウエオ
kカキクケコ
sサシスセソ
tタチツテト
nナニヌネノ
hハヒフヘホ
mマミムメモ
yヤ ユ ヨ
rラリルレロ
wワ   ヲ
gガギグゲゴ
zザジズゼゾ
dダヂヅデド
bバビブベボ
pパピプペポ
"""
_IRREGULAR: Final = {"シ": "shi", "チ": "chi", "ツ": "tsu", "フ": "fu", "ジ": "ji", "ヂ": "ji", "ヅ": "zu"}
_ALONE: Final = {"ヲ": "o", "ン": "n", "ヴ": "vu"}
_SYLLABLES: Final = (
    {
        kana: row[0].strip() + vowel
        for row in _ROWS.strip("\n").split("\n")
        for kana, vowel in zip(row[1:], _VOWELS, strict=True)
        if kana != " "
    }
    | _IRREGULAR
    | _ALONE
)
_SMALL: Final = {"ャ": "ya", "ュ": "yu", "ョ": "yo", "ァ": "a", "ィ": "i", "ゥ": "u", "ェ": "e", "ォ": "o"}


def spell_in_romaji(reading: str) -> str:
    """Return a katakana reading in Hepburn letters, long vowels as written (サトウ becomes satou)."""
    letters = ""
    for kana in reading:
        if kana in _SMALL:
            letters = re.sub("[iueo]$", "", letters) + _SMALL[kana]
            letters = re.sub("(sh|ch|j)y", r"\1", letters)
        else:
            letters += _SYLLABLES.get(kana, "" if kana == "ー" else kana)
    return re.sub("ッ(.)", r"\1\1", letters).replace("ッ", "")
