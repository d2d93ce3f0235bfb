"""Requests to the protocol's endpoints: first in order, then with a few things changed."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

from tests.attacks.fuzz_words import HEADERS, METHODS, WORDS, Word, mutated_json, mutated_text
from tests.oauth.relying_party import FORM

Pairs = list[tuple[Word, Word]]


@dataclass
class Shot:
    """One request."""

    method: str
    path: str
    query: Pairs = field(default_factory=list)
    body: Pairs = field(default_factory=list)
    document: Any = None
    """JSON, instead of a form."""
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    """Bytes, instead of either."""
    in_clear: bool = False
    """Nothing is percent-encoded."""

    @property
    def target(self) -> str:
        """What stands in the request line."""
        query = self._encoded(self.query).decode("latin-1")
        query = "".join(letter if "!" <= letter <= "~" else f"%{ord(letter):02X}" for letter in query)
        return f"{self.path}?{query}"[:60_000] if query else self.path

    @property
    def content(self) -> bytes:
        """The body."""
        if self.raw is not None:
            return self.raw
        if self.document is not None:
            return json.dumps(self.document).encode("utf-8", "surrogatepass")
        return self._encoded(self.body)

    def _encoded(self, pairs: Pairs) -> bytes:
        encode = _as_bytes if self.in_clear else lambda word: quote(_as_bytes(word), safe="").encode()
        return b"&".join(encode(name) + b"=" + encode(value) for name, value in pairs)


def _as_bytes(word: Word) -> bytes:
    return word if isinstance(word, bytes) else word.encode("utf-8", "surrogatepass")


def form(path: str, parameters: dict[str, Any], headers: dict[str, str]) -> Shot:
    """Return a request with a form."""
    pairs: Pairs = [(name, str(value)) for name, value in parameters.items() if value is not None]
    return Shot("POST", path, body=pairs, headers={"Content-Type": FORM, **headers})


def address(path: str, parameters: dict[str, Any], headers: dict[str, str] | None = None) -> Shot:
    """Return a request with everything in the address."""
    pairs: Pairs = [(name, str(value)) for name, value in parameters.items() if value is not None]
    return Shot("GET", path, query=pairs, headers=dict(headers or {}))


def document(method: str, path: str, content: Any, headers: dict[str, str]) -> Shot:
    """Return a request with JSON."""
    return Shot(method, path, document=content, headers={"Content-Type": "application/json", **headers})


# --- what is changed --------------------------------------------------------------------------------------

Change = Callable[[Random, Shot], None]


def _pairs_of(random: Random, shot: Shot) -> Pairs:
    return shot.body if shot.body and random.random() < 0.8 else shot.query


def change_value(random: Random, shot: Shot) -> None:
    """Give a parameter another value."""
    pairs = _pairs_of(random, shot)
    if pairs:
        place = random.randrange(len(pairs))
        name, value = pairs[place]
        pairs[place] = name, mutated_text(random, value if isinstance(value, str) else "")


def drop(random: Random, shot: Shot) -> None:
    """Leave a parameter out."""
    pairs = _pairs_of(random, shot)
    if pairs:
        del pairs[random.randrange(len(pairs))]


def double(random: Random, shot: Shot) -> None:
    """Send a parameter twice."""
    pairs = _pairs_of(random, shot)
    if pairs:
        name, value = random.choice(pairs)
        pairs.insert(random.randrange(len(pairs) + 1), (name, random.choice((value, random.choice(WORDS)))))


def rename(random: Random, shot: Shot) -> None:
    """Give a parameter another name."""
    pairs = _pairs_of(random, shot)
    if pairs:
        place = random.randrange(len(pairs))
        names = [name for name, _ in pairs]
        pairs[place] = random.choice([*names, *WORDS]), pairs[place][1]


def add(random: Random, shot: Shot) -> None:
    """Add a parameter that means something elsewhere."""
    names = ("client_id", "client_secret", "client_assertion", "scope", "resource", "audience", "request",
             "request_uri", "claims", "prompt", "max_age", "id_token_hint", "login_hint", "ui_locales",
             "acr_values",
             "response_mode", "dpop_jkt", "authorization_details", "access_token", "code", "nonce",
             "user_code",
             "requested_token_type", "actor_token", "display", "state", "iss", "token_type_hint",
             "reason")  # fmt: skip
    (shot.body if shot.body else shot.query).append((random.choice(names), random.choice(WORDS)))


def move(random: Random, shot: Shot) -> None:
    """Send the parameters in the other place."""
    shot.query, shot.body = shot.body, shot.query


def change_method(random: Random, shot: Shot) -> None:
    """Use another method."""
    shot.method = random.choice(METHODS)


def change_header(random: Random, shot: Shot) -> None:
    """Send a header with something else in it."""
    name, values = random.choice(HEADERS)
    shot.headers[name] = random.choice(values)


def drop_header(random: Random, shot: Shot) -> None:
    """Leave a header out, or send a changed one."""
    if shot.headers:
        name = random.choice(list(shot.headers))
        value = shot.headers.pop(name)
        if random.random() < 0.5:
            scheme, _, shown = value.partition(" ")
            changed = _as_bytes(mutated_text(random, shown or scheme)).decode("latin-1")
            shot.headers[name] = f"{scheme} {changed}".replace("\r", "").replace("\n", "")


def change_document(random: Random, shot: Shot) -> None:
    """Change the JSON, or send it broken."""
    if shot.document is None:
        return
    for _ in range(random.randrange(1, 4)):
        shot.document = mutated_json(random, shot.document)
    if random.random() < 0.15:
        whole = shot.content
        shot.raw = random.choice((whole[: random.randrange(len(whole) + 1)], whole + whole,
                                  b"\xef\xbb\xbf" + whole,
                                  whole.replace(b'"', b"'"), b'{"a":1,"a":2}', b"[" * 3000, b"NaN", b"\xff",
                                  b""))  # fmt: skip


def send_rubbish(random: Random, shot: Shot) -> None:
    """Send bytes that are no form at all."""
    if shot.method != "GET":
        shot.raw = random.choice((b"", b"\0", b"&&&&", b"=", b"%", b"\xff" * 50, b"a" * 66_000, b"{}",
                                  b"--x--\r\n",
                                  b"a=1&" * 150, random.randbytes(random.randrange(200))))  # fmt: skip


def send_in_clear(_random: Random, shot: Shot) -> None:
    """Encode nothing."""
    shot.in_clear = True


def change_path(random: Random, shot: Shot) -> None:
    """Send it to an address nearby."""
    shot.path = random.choice((f"{shot.path}/", shot.path.upper(), f"/{shot.path}", f"{shot.path}/x",
                               f"{shot.path}%00",
                               f"{shot.path};x=1", shot.path.replace("/oauth", "/oauth/.."),
                               f"{shot.path}%2f"))  # fmt: skip


CHANGES: tuple[Change, ...] = (
    *(change_value,) * 6, *(drop,) * 2, *(double,) * 2, rename, *(add,) * 3, move, change_method,
    *(change_header,) * 3,
    drop_header, *(change_document,) * 6, send_rubbish, send_in_clear, change_path,
)  # fmt: skip


def change(random: Random, shot: Shot) -> Shot:
    """Change up to four things."""
    for _ in range(random.choice((0, 1, 1, 1, 2, 2, 3, 4))):
        random.choice(CHANGES)(random, shot)
    return shot
