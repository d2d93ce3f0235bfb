"""What a fuzzer puts where something else belongs: texts, JSON, headers, tokens that nearly are one."""

import base64
import json
from random import Random
from typing import Any

Word = str | bytes
WORDS: tuple[Word, ...] = (
    "", " ", "\0", "a\0b", "\t", "\r\n", "\r\nSet-Cookie: a=1", "\x1b[31m", "\x7f", "é", "あ" * 60, "😀",
    "\u202e", "\ufeff", "ｓ１", "İ", "ß", "%", "%00", "%zz", "%%%41", "+", "&", "=", ";", "#", "?", "/",
    "\\", "..", "../" * 9, "'", '"', "`", "<script>alert(1)</script>", "' OR 1=1--", "${jndi:x}", "{{7*7}}",
    "$(id)", "-1", "0", "1", "00", "1e309", "9" * 400, "-9223372036854775809", "NaN", "Infinity", "0x10",
    "1_000", "１２", "true", "null", "None", "[]", "{}", '{"a":', "[" * 900, "x" * 130, "x" * 5000,
    "x" * 70_000, "openid " * 700, "none", "none login", "login consent", "*", "S256", "plain", "code",
    "token", "query", "fragment", "form_post", "jwt", "urn:ietf:params:oauth:request_uri:x",
    "javascript:alert(1)", "data:,x", "http://[", "http://[::1", "https://a:b@c:99999/", "//",
    "http://127.0.0.1:99999/", "https://\0/", "file:///etc/passwd", "a.b.c", "....", "e30.e30.e30", "ocr_",
    "occ_" + "x" * 43, "ocr_" + "x" * 43, "oct_" + "x" * 43, "00000000-0000-0000-0000-000000000000",
    "a" * 36, "authorization_code", "refresh_token", "client_credentials", "mypage", "agency-portal", "spa",
    "shop", "nobody", b"\xff", b"\xfe\xff\0a", b"\xc0\xaf", b"\xed\xa0\x80", b"\x80" * 30, b"a\xf0\x9f\x98",
    b"\xff" * 4000,
)  # fmt: skip
JSON_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**63, 10**400, 1.5, 1e308, "", "x", "\0", "\ud800", "あ", "x" * 3000, [],
    [[]], [None], ["x"] * 300, [1, "a", {}], {}, {"": ""}, {"a": {"b": {"c": []}}}, [{}],
    "https://a.example/cb", ["javascript:1"], ["http://[::1"], {"keys": []}, {"keys": [{}]},
    {"keys": [{"kty": "RSA"}]}, {"keys": "x"}, [True], "none", "RS256",
)  # fmt: skip
HEADERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Authorization", ("", "Basic", "Basic ", "Basic ****", "Basic /////w==", "Basic OjpOg==", "Bearer",
                       "Bearer ", "Bearer x", "Bearer a.b.c", "DPoP x", "Digest x",
                       "Basic " + "A" * 9000, "\xff\xfe", "Bearer \x00x", "basic bXlwYWdlOg==",
                       "Bearer " + "e30." * 2000)),
    ("Content-Type", ("", "text/plain", "application/json", "application/json; charset=utf-16",
                      "multipart/form-data", "multipart/form-data; boundary=x",
                      "application/x-www-form-urlencoded; charset=shift_jis",
                      "application/x-www-form-urlencoded;;;=", "\xff", "application/jwt", "x" * 500)),
    ("Accept", ("", "*/*;q=x", "application/token-introspection+jwt", "text/html;q=", "application/jwt",
                "\xff", ","*500)),
    ("Accept-Language", ("", "en", "ja;q=x", "x" * 900, "*;q=" + "9" * 400)),
    ("Cookie", ("", "=", "idp_session=", "idp_session=e30.x.y", "idp_session=.eJw", "lang=xx",
                "lang=\xff", ";" * 200, "idp_session=a; idp_session=b", "idp_session=" + "x" * 5000)),
    ("Origin", ("null", "https://evil.test", "", "http://localhost:8000", "\xff")),
    ("Sec-Fetch-Site", ("cross-site", "same-origin", "none", "x")),
    ("DPoP", ("", "x", "a.b.c", "e30.e30.e30", "x" * 9000, "a.b.c, a.b.c")),
    ("Host", ("localhost:8000", "evil.test", "", "localhost", "[::1", "\xff", "localhost:99999",
              "a" * 300)),
    ("X-Forwarded-For", ("x", "1.2.3.4, 5.6.7.8", "[", "\xff")),
    ("X-Forwarded-Host", ("evil.test",)),
    ("X-Forwarded-Proto", ("https", "x")),
    ("Forwarded", ("for=x;;=", "\xff")),
    ("X-HTTP-Method-Override", ("DELETE", "PUT")),
    ("If-None-Match", ("*", '"x"', "W/")),
    ("Range", ("bytes=9-1", "x")),
    ("If-Modified-Since", ("x", "Tue, 24 Nov 2026 07:54:03 GMT")),
    ("Access-Control-Request-Method", ("POST", "\xff")),
    ("Content-Encoding", ("gzip", "x")),
    ("Prefer", ("x",)),
    ("X-Request-Id", ("\xff", "a" * 900, "a b")),
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "X")


def mutated_text(random: Random, text: str) -> Word:
    """Return a text that is a little or entirely different."""
    if "." in text and text.startswith("ey") and random.random() < 0.7:
        return mutated_jwt(random, text)
    kind = random.randrange(6)
    place = random.randrange(len(text) + 1)
    if kind == 0:
        return text[:place] + str(random.choice(("\0", "é", " ", "%", "&", "=", "A", "\n"))) + text[place:]
    if kind == 1:
        return text[:place]
    if kind == 2:
        return text + text
    if kind == 3:
        return random.choice((text.upper(), text.swapcase(), text[::-1], f" {text}", f"{text} ", f"{text}\n"))
    return random.choice(WORDS)


def mutated_jwt(random: Random, token: str) -> str:
    """Return something like a JWT: another header, other claims, another signature, or a broken piece."""
    parts = token.split(".")
    kind, index = random.randrange(7), random.randrange(2)
    if kind == 0:
        return ".".join(random.sample(parts, random.randrange(1, len(parts) + 1)))
    if kind == 1:
        return f"{parts[0]}.{parts[1]}.{random.choice(('', 'AA', parts[2][:-3], parts[2] + 'A', '=' * 9))}"
    if kind == 2:
        parts[random.randrange(len(parts))] = random.choice(
            ("", "e30", "W10", "bnVsbA", "IiI", "!", "gA", "W1tb" * 1500)
        )
        return ".".join(parts)
    try:
        content = json.loads(base64.urlsafe_b64decode(parts[index] + "=" * (-len(parts[index]) % 4)))
    except ValueError:
        return token[:-5]
    content = mutated_json(random, content)
    if kind > 4 and index == 0 and isinstance(content, dict):
        content["alg"] = random.choice(
            ("none", "None", "HS256", "ES256", "RS256", "PS256", "EdDSA", 7, None, [], "ES512")
        )
    parts[index] = base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
    return ".".join(parts)


def mutated_json(random: Random, content: Any) -> Any:
    """Return JSON in which something has another type, is gone, or is there too much."""
    if not isinstance(content, dict | list) or not content or random.random() < 0.05:
        return random.choice(JSON_VALUES)
    if isinstance(content, list):
        changed = list(content)
        changed[random.randrange(len(changed))] = mutated_json(random, random.choice(changed))
        return changed
    changed_object = dict(content)
    name = random.choice(list(changed_object))
    kind = random.randrange(4)
    if kind == 0:
        del changed_object[name]
    elif kind == 1:
        changed_object[str(random.choice(("x", "", "\0", "あ", "__proto__", "alg", "client_id")))] = (
            random.choice(JSON_VALUES)
        )
    else:
        changed_object[name] = mutated_json(random, changed_object[name])
    return changed_object
