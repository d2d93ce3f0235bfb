"""Logs: events in the past tense, key=value, never a token, code, secret, body, address or query string."""

import logging
import sys
import time
from urllib.parse import quote

import structlog
from flask import Flask, Response, g, request

from idp.web import request_id

_LINK_PATHS = ("/register/agency/member/", "/register/owner/", "/password/reset/")


def configure_logging(*, as_json: bool) -> None:
    """Send everything to standard error; Authlib stays at INFO, because its DEBUG prints tokens."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer() if as_json else structlog.processors.LogfmtRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="level=%(levelname)s logger=%(name)s event=%(message)r"
    )
    logging.getLogger("authlib").setLevel(logging.INFO)


def init_request_log(app: Flask) -> None:
    """Log each request once, with its id and duration in milliseconds."""
    logger = structlog.get_logger("idp.request")

    def begin() -> None:
        g.begun = time.perf_counter()

    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = request_id()
        if request.endpoint != "static":
            elapsed = round((time.perf_counter() - g.get("begun", time.perf_counter())) * 1000, 1)
            logger.info(
                "request_answered", id=request_id(), method=request.method, path=_loggable(request.path),
                status=response.status_code, ms=elapsed,
            )  # fmt: skip
        return response

    app.before_request(begin)
    app.after_request(end)


def _loggable(path: str) -> str:
    """Return the path without the secret that a mailed link ends with, and in one line (CWE-117)."""
    for prefix in _LINK_PATHS:
        if path.startswith(prefix):
            return f"{prefix}…"
    return path if path.isprintable() else quote(path)
