"""Cursors of pages: where the page before ended. Opaque to whoever carries them, and believed in nothing."""

import base64
import json
import uuid
from datetime import datetime, timedelta

from idp.errors import Refusal


class CursorUnreadable(Refusal):
    """The cursor is not one of ours, or belongs to another order."""

    status = 400


def write_cursor(order: str, value: str, last_id: uuid.UUID) -> str:
    """Return the cursor of a page that ends with this value and id in this order."""
    text = json.dumps([order, value, str(last_id)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str, *, order: str) -> tuple[str, uuid.UUID]:
    """Return value and id with which the page before ended.

    :raises CursorUnreadable: the cursor is not one that we write; anybody can write another.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        written_order, value, last_id = json.loads(base64.urlsafe_b64decode(padded).decode())
        value.encode()  # JSON can hold half a character, no database can
        if written_order != order:
            raise CursorUnreadable
        return value, uuid.UUID(last_id)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CursorUnreadable from error


def read_moment(value: str) -> datetime:
    """Return the moment that a cursor holds.

    :raises CursorUnreadable: it is none, or not in UTC, in which we write them.
    """
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise CursorUnreadable from error
    if moment.utcoffset() != timedelta(0):
        raise CursorUnreadable
    return moment
