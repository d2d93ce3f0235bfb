"""Parsing the parameters of a protocol request once, before anything else sees them.

One place only (query or body, never both at the token endpoint), no parameter twice, no NUL, valid UTF-8,
at most 64 KiB. A parameter without a value counts as omitted (RFC 6749 §3.1, §3.2). Only ``resource``
(RFC 8707 §2) and ``audience`` (RFC 8693 §2.1) may stand more than once; their values are joined by a space,
which no URI and no client id contains.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.wrappers import Request

LARGEST_BODY = 64 * 1024
MOST_PARAMETERS = 100
REPEATABLE = ("resource", "audience")
_FORM = "application/x-www-form-urlencoded"

Parameters = Mapping[str, str]


class ParametersRefused(Exception):
    """The parameters cannot be read; ``reason`` is fixed ASCII for the developer.

    :ivar readable: what could be read, each name that stands once, for an error redirect (RFC 6749 §4.1.2.1).
    """

    def __init__(self, reason: str, readable: Parameters | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.readable: Parameters = readable or {}


def load_body_parameters(request: Request) -> Parameters:
    """Return the parameters of a request to the token endpoint and its like (RFC 6749 §3.2).

    :raises ParametersRefused: they are in the wrong place or cannot be read.
    """
    if request.query_string:
        raise ParametersRefused("parameters belong in the request body, not in the URI (RFC 6749 2.3.1)")
    return _parse(_read_body(request))


def load_query_or_body_parameters(request: Request) -> Parameters:
    """Return the parameters of a request that may come by GET or POST (OIDC Core §3.1.2.1).

    :raises ParametersRefused: they cannot be read.
    """
    return _parse(_read_body(request) if request.method == "POST" else request.query_string)


def load_form_parameters(request: Request) -> Parameters:
    """Return the parameters of a form that is sent to a protected resource (RFC 6750 §2.2); none otherwise.

    :raises ParametersRefused: they cannot be read.
    """
    return _parse(_read_body(request)) if request.mimetype == _FORM else {}


def _read_body(request: Request) -> bytes:
    if request.mimetype != _FORM:
        raise ParametersRefused("Content-Type must be application/x-www-form-urlencoded")
    if (request.content_length or 0) > LARGEST_BODY:
        raise ParametersRefused("the request body is larger than 64 KiB")
    request.max_content_length = LARGEST_BODY
    try:
        return request.get_data(cache=True)
    except (RequestEntityTooLarge, ClientDisconnected) as error:
        raise ParametersRefused("the request body is larger than 64 KiB or incomplete") from error


def _parse(raw: bytes) -> Parameters:
    if len(raw) > LARGEST_BODY:
        raise ParametersRefused("the parameters are larger than 64 KiB")
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
        )
    except (UnicodeDecodeError, ValueError) as error:
        raise ParametersRefused("the parameters are not valid form encoding in UTF-8") from error
    pairs = _join_repeatable(pairs)
    names = [name for name, _ in pairs]
    single = {name: value for name, value in pairs if value and names.count(name) == 1}
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise ParametersRefused("a parameter contains NUL")
    if len(names) != len(set(names)):
        raise ParametersRefused("a parameter is given more than once (RFC 6749 3.1, 3.2)", single)
    return single


def _join_repeatable(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    once = [pair for pair in pairs if pair[0] not in REPEATABLE]
    joined = [(name, " ".join(value for one, value in pairs if one == name)) for name in REPEATABLE]
    return once + [(name, values) for name, values in joined if values]
