"""The password rule: long enough, and not easy to guess for somebody who knows the person.

No rule of composition, because it makes passwords that people forget and machines guess.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from itertools import permutations
from pathlib import Path
from threading import Lock
from typing import Final

from zxcvbn import zxcvbn

from idp.accounts.folding import fold_kana
from idp.accounts.romaji import spell_in_romaji

SHORTEST: Final = 10
LONGEST: Final = 128
_READABLE_BY_ZXCVBN: Final = 72  # it raises on more
_SCORE_NEEDED: Final = 3  # "safely unguessable": 10^8 guesses or more
_SHORTEST_HINT: Final = 3  # shorter pieces would forbid half of all passwords
_MOST_PIECES: Final = 10

# zxcvbn keeps the personal words of the running call in a module-wide dictionary.
_one_at_a_time = Lock()


class PasswordWeakness(StrEnum):
    """Why a password is refused; the page says it in words."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    EASY_TO_GUESS = "easy_to_guess"


@cache
def _load_romaji_words() -> tuple[str, ...]:
    """Return names and words of Japanese passwords in Latin letters, which zxcvbn's own lists lack."""
    text = (Path(__file__).parent.parent / "data" / "romaji_words.txt").read_text("utf-8")
    return tuple(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


def _list_hints(personal: Sequence[str]) -> list[str]:
    """Return each personal value, its pieces and every two pieces joined: suzuki, hanako, suzukihanako."""
    whole: list[str] = []
    pieces: list[str] = []
    for value in personal:
        text = value.casefold()
        whole += [text, *_list_address_parts(text)]
        pieces += "".join(c if c.isalnum() else " " for c in text).split()
        pieces += spell_in_romaji(fold_kana(value)).split()
    distinct = [piece for piece in dict.fromkeys(pieces) if len(piece) >= _SHORTEST_HINT]
    joined = ["".join(pair) for pair in permutations(distinct[:_MOST_PIECES], 2)]
    return [*whole, *distinct, *joined]


def _list_address_parts(address: str) -> list[str]:
    """Return what a person sees as their address cut short: hanako, hanako@owner, owner.example, owner."""
    local, at, domain = address.partition("@")
    if not at:
        return []
    labels = domain.split(".")
    ends = range(1, len(labels) + 1)
    cut = [".".join(labels[:end]) for end in ends] + [".".join(labels[begin:]) for begin in ends]
    return [local, *cut, *(f"{local}@{part}" for part in cut)]


def check_password(password: str, personal: Sequence[str]) -> PasswordWeakness | None:
    """Return why the password may not be used, or None.

    ``personal`` is what is known of the person (address, name, furigana, company, telephone): a password made
    of these is easy to guess. Lengths are counted in characters. Returns, never raises: the form shows it.
    """
    if len(password) < SHORTEST:
        return PasswordWeakness.TOO_SHORT
    if len(password) > LONGEST:
        return PasswordWeakness.TOO_LONG
    with _one_at_a_time:
        verdict = zxcvbn(password[:_READABLE_BY_ZXCVBN], [*_list_hints(personal), *_load_romaji_words()])
    return None if verdict["score"] >= _SCORE_NEEDED else PasswordWeakness.EASY_TO_GUESS
