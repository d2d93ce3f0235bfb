"""Log lines: events in past tense with key=value, and never a token, code, secret, body or address."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

SECRET_WORDS = ("token", "code", "secret", "password", "cookie", "authorization", "login_hint", "email")


def configure() -> None:
    """Set up structlog once a process; later applications in it find it done."""
    # At DEBUG Authlib prints tokens, and urllib3 whole addresses with their queries.
    logging.getLogger("authlib").setLevel(logging.INFO)
    logging.getLogger("urllib3").setLevel(logging.INFO)
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            hide_secrets,
            structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "event"], bool_as_flag=False
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        # Made anew for each line, so that it follows whoever redirects stderr.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def hide_secrets(_logger: object, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace values whose name speaks of a secret: the last line of defence, not the first."""
    for name in entry:
        if any(word in name for word in SECRET_WORDS):
            entry[name] = "(hidden)"
    return entry
