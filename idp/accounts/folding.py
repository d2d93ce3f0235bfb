"""What people type, made into what the club stores: converted, not refused.

Pure functions of the standard library. The server always folds; ``static/js/fold.mjs`` only mirrors it. All
of them are idempotent, so that a value may be folded again wherever it enters.
"""

import re
import unicodedata
from typing import Final

# What stands where a hyphen is meant: keyboards and input methods offer all of these, and ー is one key away.
_DASHES: Final = "-‐‑‒–—―−─ーｰ"
_NOT_DIGITS = re.compile(rf"[{_DASHES}\s()]")
_BETWEEN = re.compile(rf"[{_DASHES}\s\0]")
_HIRAGANA_TO_KATAKANA: Final = {code: code + 0x60 for code in (*range(0x3041, 0x3097), 0x309D, 0x309E)}
# Alone, these marks are composed of a space and a combining mark; beside a kana only the mark is meant.
_VOICING_MARKS: Final = {0x309B: 0x3099, 0x309C: 0x309A}

# The grammar of <input type=email>: https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_EMAIL = re.compile(rf"[a-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_DOMAIN.pattern}")
_LONGEST_EMAIL: Final = 254  # RFC 5321 §4.5.3.1.3: a path of 256 octets, less its angle brackets
_LONGEST_LOCAL_PART: Final = 64  # RFC 5321 §4.5.3.1.1


def _normalize(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def fold_digits(text: str) -> str:
    """Return a postal code or telephone number without dashes, spaces and brackets, in half-width digits."""
    return _normalize(_NOT_DIGITS.sub("", _normalize(text)))


def fold_kana(text: str) -> str:
    """Return a reading in full-width katakana, from hiragana or half-width kana; spaces become single."""
    wide = _normalize(text.translate(_VOICING_MARKS))
    return _normalize(" ".join(_normalize(wide.translate(_HIRAGANA_TO_KATAKANA)).split()))


def fold_name(text: str) -> str:
    """Return a name or company with its spaces stripped and collapsed, and nothing else changed.

    NFKC would turn ㈱ into (株) and the 塚 of U+FA10 into another 塚; people's names stay as they write them.
    A full-width space between family and given name stays full-width.
    """
    return re.sub(r"\s{2,}", lambda run: "\u3000" if "\u3000" in run[0] else " ", text.strip())


def fold_search(text: str) -> str:
    """Return a word as it is searched for: one width, one case, one kana, no spaces and no dashes.

    ＨＣ－Ａ１ is found as hca1, すずき as スズキ; a lengthening mark counts as a dash, in both.
    """
    folded = _normalize(fold_kana(_normalize(text).casefold()).casefold())
    return _BETWEEN.sub("", folded)


def search_words(text: str) -> list[str]:
    """Return the words of a search, each folded; what is nothing but spaces and dashes is no word."""
    return [word for word in map(fold_search, _normalize(text).split()) if word]


def fold_email(text: str) -> str:
    """Return the one spelling under which an address is stored and compared.

    The domain becomes lower case, in its ASCII form. The local part becomes lower case too: RFC 5321 §2.4
    lets a mail server tell Taro@ from taro@, but none that our members use does, and phones capitalise the
    first letter. What is no address at all comes back merely stripped, for ``is_email`` to refuse.
    """
    local, at, domain = _normalize(_normalize(text).lower()).strip().rpartition("@")
    return f"{local}{at}{_to_a_labels(domain)}"


def _to_a_labels(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        encoded = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain
    return encoded if _DOMAIN.fullmatch(encoded) else domain


def is_email(text: str) -> bool:
    """Tell whether the address, once folded, obeys the HTML grammar.

    ``foo..bar@docomo.ne.jp`` and ``foo.@ezweb.ne.jp`` do, and belong to real people. A local part outside of
    ASCII does not, which also keeps out letters that merely look like Latin ones.
    """
    email = fold_email(text)
    local = email.partition("@")[0]
    is_short_enough = len(email) <= _LONGEST_EMAIL and len(local) <= _LONGEST_LOCAL_PART
    return is_short_enough and _EMAIL.fullmatch(email) is not None
